package admin

import (
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

//go:embed openapi.json
var openAPI []byte

// ErrNotPlaying says that a camera cannot be asked for a key frame, or looked at, now.
var ErrNotPlaying = errors.New("the camera does not play at the moment")

// Detail is the answer of /api/cameras/{name}.
type Detail struct {
	Camera
	History History `json:"history"`
	Events  []Event `json:"events"` // newest first
}

// Failure is the body of every refusal of the API.
type Failure struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the reader has gone
}

func fail(w http.ResponseWriter, status int, text string) { answer(w, status, Failure{text}) }

func (s *Server) cameras(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	out := make([]Camera, 0)
	for _, st := range s.cfg.Cameras() {
		out = append(out, cameraOf(st, now))
	}
	answer(w, http.StatusOK, out)
}

// named finds the camera of a request's path, or answers 404.
func (s *Server) named(w http.ResponseWriter, r *http.Request) (publisher.Status, bool) {
	name := r.PathValue("name")
	for _, st := range s.cfg.Cameras() {
		if st.Name == name {
			return st, true
		}
	}
	fail(w, http.StatusNotFound, "no enabled camera has this name")
	return publisher.Status{}, false
}

func (s *Server) camera(w http.ResponseWriter, r *http.Request) {
	if st, ok := s.named(w, r); ok {
		answer(w, http.StatusOK, Detail{cameraOf(st, time.Now()), s.watch.history(st.Name), s.watch.recent(st.Name, maxEvents)})
	}
}

func (s *Server) restart(w http.ResponseWriter, r *http.Request) {
	st, ok := s.named(w, r)
	if !ok {
		return
	}
	if !s.limits.restarts.of(st.Name).Allow() {
		tooMany(w, "5")
		return
	}
	s.cfg.Logger.Info("restart", "camera", st.Name, "from", remote(r))
	s.do(w, s.cfg.Restart(st.Name))
}

func (s *Server) keyFrame(w http.ResponseWriter, r *http.Request) {
	if st, ok := s.named(w, r); ok {
		s.do(w, s.cfg.KeyFrame(st.Name))
	}
}

// do answers for what was begun.
func (s *Server) do(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.Is(err, ErrNotPlaying):
		fail(w, http.StatusConflict, err.Error())
	default:
		s.cfg.Logger.Error("admin", "err", err)
		fail(w, http.StatusInternalServerError, "this went wrong; the log says why")
	}
}

func tooMany(w http.ResponseWriter, seconds string) {
	w.Header().Set("Retry-After", seconds)
	fail(w, http.StatusTooManyRequests, "too often; see Retry-After")
}

func document(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
}

// none answers below /api/ where nothing is, or not with this method.
func (s *Server) none(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/api/" {
			w.Header().Set("Allow", method)
			fail(w, http.StatusMethodNotAllowed, "not with this method")
			return
		}
	}
	fail(w, http.StatusNotFound, "there is nothing here; see /api/openapi.json")
}
