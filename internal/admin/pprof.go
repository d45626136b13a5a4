package admin

import (
	"net"
	"net/http"
	"net/netip"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"time"
)

// longestProfile leaves a recording time to be sent before the server gives up
// writing.
const longestProfile = 25 * time.Second

// profiles serves what `go tool pprof` and `go tool trace` read, at the usual
// paths. net/http/pprof would do the same, and register itself on the default mux
// as well. Memory profiles show parts of what the program holds: only programs on
// this machine get them, with the token where there is one.
func (s *Server) profiles() {
	s.route("GET /debug/pprof/profile", local(recording("profile", func(w http.ResponseWriter) (func(), error) {
		return pprof.StopCPUProfile, pprof.StartCPUProfile(w)
	})))
	s.route("GET /debug/pprof/trace", local(recording("trace", func(w http.ResponseWriter) (func(), error) {
		return trace.Stop, trace.Start(w)
	})))
	s.route("GET /debug/pprof/{name}", local(func(w http.ResponseWriter, r *http.Request) {
		p := pprof.Lookup(r.PathValue("name"))
		if p == nil {
			plain(w, http.StatusNotFound, "no such profile")
			return
		}
		debug, _ := strconv.Atoi(r.URL.Query().Get("debug"))
		w.Header().Set("Content-Type", "application/octet-stream")
		if debug > 0 {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		}
		_ = p.WriteTo(w, debug)
	}))
}

// recording answers with what is recorded for ?seconds=N. begin returns what ends
// it; it fails while another recording goes on.
func recording(name string, begin func(http.ResponseWriter) (func(), error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seconds, err := strconv.ParseFloat(r.URL.Query().Get("seconds"), 64)
		if err != nil || seconds <= 0 {
			seconds = 10
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		end, err := begin(w)
		if err != nil {
			w.Header().Del("Content-Disposition")
			plain(w, http.StatusConflict, err.Error())
			return
		}
		defer end()
		t := time.NewTimer(min(time.Duration(seconds*float64(time.Second)), longestProfile))
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
		}
	}
}

// local lets only programs on this machine through.
func local(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err == nil {
			var ip netip.Addr
			if ip, err = netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
				h(w, r)
				return
			}
		}
		plain(w, http.StatusForbidden, "profiles are for programs on the same machine")
	}
}
