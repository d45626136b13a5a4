package viewer

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed web
var web embed.FS

// policy lets the page load what this server serves and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// statusError is an answer that says no.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// HTTPStatus is the status of the answer.
func (e *statusError) HTTPStatus() int { return e.status }

func fail(status int, format string, args ...any) error {
	return &statusError{status: status, text: fmt.Sprintf(format, args...)}
}

var errClosing = fail(http.StatusServiceUnavailable, "the server is closing")

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.file("index.html", "text/html; charset=utf-8"))
	mux.HandleFunc("GET /app.js", s.file("app.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /player.js", s.file("player.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /style.css", s.file("style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /icon.svg", s.file("icon.svg", "image/svg+xml"))
	mux.HandleFunc("GET /api/streams", s.handleStreams)
	for path, post := range map[string]http.HandlerFunc{"/whip/": s.handlePublish, "/whep/": s.handlePlay} {
		mux.HandleFunc("POST "+path+"{name}", post)
		mux.HandleFunc("OPTIONS "+path+"{name}", options("OPTIONS, POST"))
		mux.HandleFunc(path+"{name}", notAllowed("OPTIONS, POST"))
		mux.HandleFunc("DELETE "+path+"{name}/{id}", s.endSession)
		mux.HandleFunc("OPTIONS "+path+"{name}/{id}", options("DELETE, OPTIONS"))
		// RFC 9725 section 4.3.1: a server with neither trickle ICE nor
		// restarts answers PATCH with 405.
		mux.HandleFunc(path+"{name}/{id}", notAllowed("DELETE, OPTIONS"))
	}
	return s.guard(mux)
}

// guard refuses requests that a browser makes on behalf of another site.
func (s *Server) guard(next http.Handler) http.Handler {
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, fail(http.StatusForbidden, "requests from other sites are refused"))
	}))
	next = sameSite.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", policy)
		if !s.hostAllowed(r.Host) {
			reply(w, fail(http.StatusForbidden,
				"this server does not answer to the name in the Host header: open it by 127.0.0.1 or localhost"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostAllowed guards against DNS rebinding: a foreign name that resolves to
// 127.0.0.1 comes with that name in its Host header.
func (s *Server) hostAllowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return h == "*" || strings.EqualFold(h, host) })
}

func (s *Server) file(name, contentType string) http.HandlerFunc {
	body, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err) // the binary was built without its page
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	}
}

func (s *Server) handleStreams(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct {
		Title   string    `json:"title"`
		Now     time.Time `json:"now"`
		Streams []Stream  `json:"streams"`
	}{s.cfg.Title, time.Now(), s.Streams()})
}

func options(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		if strings.Contains(allow, "POST") {
			w.Header().Set("Accept-Post", "application/sdp")
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func notAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		reply(w, fail(http.StatusMethodNotAllowed, "this resource takes %s", allow))
	}
}

// created answers a POST with the new session (RFC 9725 section 4.2).
func created(w http.ResponseWriter, p *peer, answer string) {
	h := w.Header()
	h.Set("Content-Type", "application/sdp")
	h.Set("Location", p.path)
	h.Set("ETag", `"`+p.id+`"`)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(answer)) // #nosec G705 -- SDP of our own, for a program
}

// reply says no, in words.
func reply(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var se *statusError
	if errors.As(err, &se) {
		status = se.status
	}
	http.Error(w, err.Error(), status)
}
