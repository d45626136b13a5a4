package admin

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// maxOffer is the most that the offer of a preview may have. Browsers' have 3 to 12 kB.
const maxOffer = 64 << 10

// fullAgain is when to ask again while all previews are taken.
const fullAgain = "10" // seconds

// Previews plays cameras in browsers.
type Previews interface {
	// Open answers a browser's SDP offer; at is the address of this machine that it
	// has reached. An error may be ErrNotPlaying, or have a method HTTPStatus() int:
	// then its text is for the browser.
	Open(ctx context.Context, camera, offer string, at netip.Addr) (id, answer string, err error)
	// End returns when the preview is gone; false if there is none.
	End(ctx context.Context, camera, id string) bool
	// Stats tells how many are open, and how many packets were too many for a browser.
	Stats() (open int, dropped uint64)
}

// preview answers an offer, as WHEP has it.
func (s *Server) preview(w http.ResponseWriter, r *http.Request) {
	st, ok := s.named(w, r)
	if !ok {
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/sdp" {
		fail(w, http.StatusUnsupportedMediaType, "Content-Type must be application/sdp")
		return
	}
	offer, err := io.ReadAll(r.Body)
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			fail(w, http.StatusRequestEntityTooLarge, "the offer is too large")
			return
		}
		fail(w, http.StatusBadRequest, "the offer cannot be read")
		return
	}
	id, answer, err := s.cfg.Previews.Open(r.Context(), st.Name, string(offer), reachedAt(r))
	if err != nil {
		s.noPreview(w, st, err)
		return
	}
	s.cfg.Logger.Info("preview", "camera", st.Name, "state", "asked for", "from", remote(r))
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/api/cameras/"+url.PathEscape(st.Name)+"/preview/"+id)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // #nosec G705 -- SDP of our own, for a program
}

// noPreview says in words why there is none.
func (s *Server) noPreview(w http.ResponseWriter, st publisher.Status, err error) {
	var told interface {
		error
		HTTPStatus() int
	}
	s.cfg.Logger.Debug("preview", "camera", st.Name, "state", "refused", "err", err)
	switch {
	case errors.Is(err, ErrNotPlaying):
		fail(w, http.StatusConflict, whyDark(st))
	case errors.As(err, &told) && told.HTTPStatus() != http.StatusInternalServerError:
		if told.HTTPStatus() == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", fullAgain)
		}
		fail(w, told.HTTPStatus(), told.Error())
	default:
		s.do(w, err)
	}
}

// whyDark says why a camera has no picture.
func whyDark(st publisher.Status) string {
	switch {
	case st.State == publisher.Waiting:
		return "the camera is closed while nobody watches its room (on_demand: cold)"
	case st.Reason != "":
		return "the camera is down: " + st.Reason
	default:
		return "the camera is down: it is " + string(st.State)
	}
}

func (s *Server) endPreview(w http.ResponseWriter, r *http.Request) {
	if !s.cfg.Previews.End(r.Context(), r.PathValue("name"), r.PathValue("id")) {
		fail(w, http.StatusNotFound, "there is no such preview, or not any more")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// reachedAt is the address of this machine that a request came to.
func reachedAt(r *http.Request) netip.Addr {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// mayCarry is the most that a request's body may have.
func mayCarry(r *http.Request) int64 {
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/") && strings.HasSuffix(r.URL.Path, "/preview") {
		return maxOffer
	}
	return maxBody
}
