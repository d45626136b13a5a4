package whiptest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	req := s.record(r)
	if s.cfg.Script != nil {
		if reply := s.cfg.Script(req); reply != nil && s.play(w, r, reply) {
			return
		}
	}
	if s.cfg.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.cfg.Token {
		http.Error(w, "wrong token", http.StatusUnauthorized)
		return
	}
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/whip":
		s.servePost(w, req)
	case r.Method == http.MethodPatch && r.URL.Path != "/whip":
		s.servePatch(w, req)
	case r.Method == http.MethodDelete:
		s.serveDelete(w, req)
	case r.URL.Path == "/whip":
		http.Error(w, "POST an offer", http.StatusMethodNotAllowed)
	default:
		http.NotFound(w, r)
	}
}

// play carries out a scripted reply; it returns false if the server is to go on.
func (s *Server) play(w http.ResponseWriter, r *http.Request, reply *Reply) bool {
	delay := time.NewTimer(reply.Delay)
	defer delay.Stop()
	if reply.Hang {
		delay.Reset(time.Hour)
	}
	select {
	case <-delay.C:
	case <-s.stop:
		return true
	case <-r.Context().Done():
		return true
	}
	if reply.Reset {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return true
	}
	if reply.Status == 0 {
		return false
	}
	for k, v := range reply.Header {
		w.Header()[http.CanonicalHeaderKey(k)] = v
	}
	if reply.Truncate {
		w.Header().Set("Content-Length", fmt.Sprint(len(reply.Body)+100))
	}
	w.WriteHeader(reply.Status)
	_, _ = io.WriteString(w, reply.Body)
	return true
}

func (s *Server) servePost(w http.ResponseWriter, req Request) {
	if req.Header.Get("Content-Type") != "application/sdp" {
		http.Error(w, "application/sdp only", http.StatusUnsupportedMediaType)
		return
	}
	s.mu.Lock()
	s.made++
	path := fmt.Sprintf("/whip/%s/WH_%d", StreamKey, s.made)
	s.mu.Unlock()
	session, err := newSession(s, path, req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotAcceptable)
		return
	}
	s.mu.Lock()
	select {
	case <-s.stop:
		s.mu.Unlock()
		session.Close()
		return
	default:
	}
	session.query = req.Query
	s.sessions = append(s.sessions, session)
	s.notify()
	s.mu.Unlock()
	for k, v := range s.cfg.Header {
		w.Header()[http.CanonicalHeaderKey(k)] = v
	}
	w.Header().Set("Content-Type", "application/sdp")
	if s.cfg.Patch.any() {
		w.Header().Set("ETag", session.etag())
	}
	if w.Header().Get("Location") == "" {
		w.Header().Set("Location", path)
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, session.Answer())
}

func (s *Server) serveDelete(w http.ResponseWriter, req Request) {
	for _, session := range s.Sessions() {
		if strings.HasSuffix(req.Path, session.Path()) && session.delete() {
			return
		}
	}
	http.Error(w, "no such session", http.StatusNotFound)
}
