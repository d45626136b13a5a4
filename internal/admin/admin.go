// Package admin is the program's face over HTTP: a status page for people, a
// JSON API, Prometheus metrics, and health for whoever supervises the process.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// Config says what to show.
type Config struct {
	// Cameras returns a snapshot of every enabled camera, in the site's order.
	Cameras  func() []publisher.Status
	Version  string
	Started  time.Time
	Registry *prometheus.Registry // what /metrics serves; New adds the cameras to it
	Profiles bool                 // serve /debug/pprof to this machine
	Logger   *slog.Logger
}

// Server answers HTTP requests about the cameras. It changes nothing.
type Server struct {
	cfg Config
	mux *http.ServeMux
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
	if err := cfg.Registry.Register(&collector{cameras: cfg.Cameras, version: cfg.Version}); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /{$}", s.page)
	s.mux.HandleFunc("GET /style.css", style)
	s.mux.HandleFunc("GET /api/cameras", s.cameras)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{}))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	s.mux.HandleFunc("GET /readyz", s.ready)
	if cfg.Profiles {
		s.profiles()
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !hostAllowed(r) {
		// A page from elsewhere whose name was made to resolve to this machine
		// (DNS rebinding) would carry its own name in Host.
		plain(w, http.StatusMisdirectedRequest, "ask for this server by its IP address or as localhost")
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}

// hostAllowed refuses foreign names on a loopback connection. Elsewhere any
// name may be the operator's own.
func hostAllowed(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err = netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// Serve answers on l until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
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
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// ready answers 200 once every camera has been tried, or, with ?cameras=all,
// while every camera is live; else 503 and the names that are missing.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	all := r.URL.Query().Get("cameras") == "all"
	var missing []string
	for _, c := range s.cfg.Cameras() {
		if (all && !c.State.Healthy()) || (!all && !c.Tried) {
			missing = append(missing, fmt.Sprintf("%s: %s", c.Name, c.State))
		}
	}
	if len(missing) > 0 {
		plain(w, http.StatusServiceUnavailable, "not ready\n"+strings.Join(missing, "\n"))
		return
	}
	plain(w, http.StatusOK, "ok")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

func (s *Server) cameras(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	out := make([]Camera, 0)
	for _, st := range s.cfg.Cameras() {
		out = append(out, cameraOf(st, now))
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(out) // the reader has gone
}
