// Package admin is the program's face over HTTP: a status page for people, a
// JSON API, Prometheus metrics, and health for whoever supervises the process.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

// Config says what to show.
type Config struct {
	// Cameras returns a snapshot of every enabled camera, in the site's order.
	Cameras func() []publisher.Status
	// News receives when the state of a camera, or its reason, may have changed. nil:
	// they are looked at all the time.
	News <-chan struct{}
	// Restart makes a camera's sessions anew.
	Restart func(camera string) error
	// KeyFrame asks a camera for a key frame; ErrNotPlaying if it cannot be asked.
	KeyFrame func(camera string) error
	// Previews plays cameras in browsers; nil: switched off.
	Previews Previews
	// Problem says what is wrong with the site's file as it is now, "" if nothing.
	Problem func() string

	Token    secret.Secret // that every request must bear; empty: none
	Version  string
	Started  time.Time
	Registry *prometheus.Registry // what /metrics serves; New adds the cameras to it
	Profiles bool                 // serve /debug/pprof to this machine
	Logger   *slog.Logger
}

// Server answers HTTP requests about the cameras. It changes none of their settings.
type Server struct {
	cfg    Config
	routes []route
	mux    *http.ServeMux
	watch  *watch
	limits *limits
}

// route is one path with one method.
type route struct {
	pattern string
	handler http.Handler
	open    bool // to everybody, with no token
}

// New makes the handler and registers the cameras' metrics. It does no I/O.
func New(cfg Config) (*Server, error) {
	if cfg.Cameras == nil {
		return nil, errors.New("admin: no cameras to show")
	}
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Problem == nil {
		cfg.Problem = func() string { return "" }
	}
	if err := cfg.Registry.Register(&collector{cameras: cfg.Cameras, previews: cfg.Previews, version: cfg.Version}); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), watch: newWatch(cfg.Started), limits: newLimits()}
	s.route("GET /{$}", s.page)
	s.route("GET /api/cameras", s.cameras)
	s.route("GET /api/cameras/{name}", s.camera)
	s.route("GET /api/events", s.events)
	s.route("GET /api/openapi.json", document)
	if cfg.Restart != nil {
		s.route("POST /api/cameras/{name}/restart", s.restart)
	}
	if cfg.KeyFrame != nil {
		s.route("POST /api/cameras/{name}/keyframe", s.keyFrame)
	}
	if cfg.Previews != nil {
		s.route("POST /api/cameras/{name}/preview", s.preview)
		s.route("DELETE /api/cameras/{name}/preview/{id}", s.endPreview)
	}
	s.route("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{}).ServeHTTP)
	s.route("/api/", s.none)
	s.open("GET /style.css", style)
	s.open("GET /page.js", script(pageJS))
	s.open("GET /preview.js", script(previewJS))
	s.open("GET /login", func(w http.ResponseWriter, _ *http.Request) { s.loginPage(w, http.StatusOK, "") })
	s.open("POST /login", s.login)
	s.open("POST /logout", logout)
	s.open("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	s.open("GET /readyz", s.ready)
	if cfg.Profiles {
		s.profiles()
	}
	return s, nil
}

// route adds what only those with the token get.
func (s *Server) route(pattern string, h http.HandlerFunc) {
	s.add(route{pattern: pattern, handler: h})
}

// open adds what everybody gets.
func (s *Server) open(pattern string, h http.HandlerFunc) {
	s.add(route{pattern: pattern, handler: h, open: true})
}

func (s *Server) add(r route) {
	s.routes = append(s.routes, r)
	s.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
		if !r.open && !s.authorized(req) {
			s.refuse(w, req)
			return
		}
		r.handler.ServeHTTP(w, req)
	})
}

// refuse answers who has no token, or a wrong one.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	if _, ok := bearer(r); ok {
		s.limits.failed(remote(r))
	}
	if r.URL.Path == "/" {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="rtsp2whip"`)
	fail(w, http.StatusUnauthorized, "a bearer token is needed (admin.token of the site's file)")
}

// policy allows a page what it brings itself, and nothing inline.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// With no-referrer browsers would send forms from "null", as if from elsewhere.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	from := remote(r)
	switch {
	case !hostAllowed(r):
		// A page from elsewhere whose name was made to resolve to this machine
		// (DNS rebinding) would carry its own name in Host.
		fail(w, http.StatusMisdirectedRequest, "ask for this server by its IP address or as localhost")
	case !originAllowed(r):
		fail(w, http.StatusForbidden, "pages from elsewhere may not ask this")
	case !s.limits.requests.of(from).Allow():
		tooMany(w, "1")
	case guesses(r) && !s.limits.mayGuess(from):
		tooMany(w, "10")
	case r.ContentLength > mayCarry(r):
		fail(w, http.StatusRequestEntityTooLarge, "the body is too large")
	default:
		r.Body = http.MaxBytesReader(w, r.Body, mayCarry(r))
		s.mux.ServeHTTP(w, r)
	}
}

// Serve answers on l until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { s.watch.run(ctx, s.cfg.Cameras, s.cfg.News) })
	srv := &http.Server{
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends who follows the events
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() {
		sctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(sctx) != nil {
			_ = srv.Close() // somebody still reads: they had their second
		}
	})
	defer stop()
	if err := srv.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// ready answers 200 once every camera has been tried, or, with ?cameras=all,
// while every camera is live; else 503 and, for who may know, the names that are missing.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	all := r.URL.Query().Get("cameras") == "all"
	var missing []string
	for _, c := range s.cfg.Cameras() {
		if (all && !c.State.Healthy()) || (!all && !c.Tried) {
			missing = append(missing, fmt.Sprintf("%s: %s", c.Name, c.State))
		}
	}
	if len(missing) > 0 {
		text := "not ready"
		if s.authorized(r) {
			text += "\n" + strings.Join(missing, "\n")
		}
		plain(w, http.StatusServiceUnavailable, text)
		return
	}
	plain(w, http.StatusOK, "ok")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}
