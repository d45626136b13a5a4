package admin

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// fakePreviews take every offer, unless there is an error.
type fakePreviews struct {
	err    error
	camera string     // of the last offer
	offer  string     // the last
	at     netip.Addr // where that came to
	open   string     // camera and ID
}

func (f *fakePreviews) Open(_ context.Context, camera, offer string, at netip.Addr) (id, answer string, err error) {
	f.camera, f.offer, f.at = camera, offer, at
	return "id-1", "v=0\r\n", f.err
}

func (f *fakePreviews) End(_ context.Context, camera, id string) bool { return camera+" "+id == f.open }

func (f *fakePreviews) Stats() (open int, dropped uint64) { return 3, 70 }

// unwilling is a refusal with a status of its own.
type unwilling int

func (u unwilling) Error() string   { return "no, by " + strconv.Itoa(int(u)) }
func (u unwilling) HTTPStatus() int { return int(u) }

// offers makes a request one with an offer.
func offers(_ *apiServer, r *http.Request) {
	r.Header.Set("Content-Type", "application/sdp")
	r.Body = io.NopCloser(strings.NewReader("an offer"))
}

func refuses(status int) func(*apiServer, *http.Request) {
	return func(a *apiServer, r *http.Request) {
		offers(a, r)
		a.previews.err = unwilling(status)
	}
}

func (a *apiServer) preview(camera string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest(http.MethodPost, "/api/cameras/"+camera+"/preview", nil), httptest.NewRecorder()
	offers(a, r)
	a.ServeHTTP(w, r)
	return w
}

func TestPreviewOffers(t *testing.T) {
	a := newAPI(t)
	w := a.preview("yard%201%2F%C3%A9")
	if w.Code != 201 || w.Body.String() != "v=0\r\n" || w.Header().Get("Content-Type") != "application/sdp" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := w.Header().Get("Location"); got != "/api/cameras/yard%201%2F%C3%A9/preview/id-1" {
		t.Errorf("Location %s", got)
	}
	if a.previews.camera != "yard 1/é" || a.previews.offer != "an offer" || a.previews.at.IsValid() {
		t.Errorf("asked for %+v", a.previews)
	}
	// The address that the browser has reached is the one to send from.
	h := httptest.NewServer(a)
	defer h.Close()
	resp, err := h.Client().Post(h.URL+"/api/cameras/gate/preview", "application/sdp; charset=utf-8", strings.NewReader("another"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if a.previews.at != netip.MustParseAddr("127.0.0.1") || a.previews.offer != "another" {
		t.Errorf("asked for %+v", a.previews)
	}
}

// Why there is no preview is told in words, and never by an error of the inside.
func TestWhyNoPreview(t *testing.T) {
	a := newAPI(t)
	for _, c := range []struct {
		name   string
		err    error
		status publisher.Status
		want   string
	}{
		{"a fault", ErrNotPlaying, publisher.Status{State: publisher.Reconnecting, Reason: "DESCRIBE: 401"}, "the camera is down: DESCRIBE: 401"},
		{"at the start", ErrNotPlaying, publisher.Status{State: publisher.Opening}, "the camera is down: it is opening"},
		{"nobody watches", ErrNotPlaying, publisher.Status{State: publisher.Waiting}, "on_demand: cold"},
		{"a refusal", unwilling(406), publisher.Status{}, "no, by 406"},
		{"inside", unwilling(500), publisher.Status{}, "this went wrong; the log says why"},
	} {
		c.status.Name = "gate"
		a.list, a.previews.err = []publisher.Status{c.status}, c.err
		if w := a.preview("gate"); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
	a.previews.err = unwilling(503)
	if w := a.preview("gate"); w.Header().Get("Retry-After") == "" {
		t.Error("too many: no Retry-After")
	}
}

func TestPreviewsAreCounted(t *testing.T) {
	_, body, _ := get(t, newAPI(t).Server, "/metrics")
	for _, want := range []string{"\nrtsp2whip_previews 3\n", "\nrtsp2whip_preview_dropped_packets_total 70\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
}

// Switched off, nothing of it is there.
func TestWithoutPreviews(t *testing.T) {
	on, off := newAPI(t), newServer(t, twoCameras)
	for _, part := range []string{"preview.js", "<dialog", "Preview of gate"} {
		if _, body, _ := get(t, on.Server, "/"); !strings.Contains(body, part) {
			t.Errorf("on: the page lacks %s", part)
		}
		if _, body, _ := get(t, off, "/"); strings.Contains(body, part) {
			t.Errorf("off: the page has %s", part)
		}
	}
	r, w := httptest.NewRequest(http.MethodPost, "/api/cameras/gate/preview", nil), httptest.NewRecorder()
	offers(nil, r)
	off.ServeHTTP(w, r)
	if w.Code != 404 {
		t.Errorf("off: %d", w.Code)
	}
	if w := on.do("PATCH", "/api/cameras/gate/preview/id-1"); w.Code != 405 || w.Header().Get("Allow") != "DELETE" {
		t.Errorf("PATCH: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}
