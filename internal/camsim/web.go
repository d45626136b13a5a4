package camsim

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/icholy/digest"
)

// Web is a camera's web server. The zero value is none.
type Web struct {
	// What it knows, each with the camera's account: HTTP Digest for the makers'
	// interfaces, a UsernameToken (or Digest) for ONVIF.
	ONVIF, ISAPI, SUNAPI bool

	Deaf       bool          // says yes to requests for a key frame, and sends none
	Refuses    bool          // refuses every account
	SHA256     bool          // asks for Digest with SHA-256
	Clock      time.Duration // by which its clock is ahead; it takes tokens of its own time only
	MediaOnly  bool          // ONVIF as it was: no GetServices, no Media2
	HTTPDigest bool          // ONVIF takes no UsernameToken

	Maker, Model string // "" for "Simulated" and "Camera"
}

func (w Web) any() bool { return w.ONVIF || w.ISAPI || w.SUNAPI }

// WebStats count what a camera's web server was asked.
type WebStats struct {
	Requests  uint64 // of any kind
	Refused   uint64 // with an account that is not accepted
	KeyFrames uint64 // requests for a key frame of the stream, with the right account
}

// webServer is a camera's web server at work.
type webServer struct {
	camera *Camera
	cfg    Web
	ln     net.Listener
	server *http.Server
	done   sync.WaitGroup

	requests, refused, keyFrames atomic.Uint64
	nonce                        string
}

// startWeb serves on a port of its own.
func (c *Camera) startWeb() error {
	host, _, err := net.SplitHostPort(c.cfg.Addr)
	if err != nil {
		return err
	}
	w := &webServer{camera: c, cfg: c.cfg.Web, nonce: fmt.Sprintf("%x", time.Now().UnixNano())}
	if w.ln, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
		return err
	}
	mux := http.NewServeMux()
	if w.cfg.ISAPI {
		mux.HandleFunc("PUT /ISAPI/Streaming/channels/101/requestKeyFrame", w.locked(w.isapi))
	}
	if w.cfg.SUNAPI {
		mux.HandleFunc("GET /stw-cgi/media.cgi", w.locked(w.sunapi))
	}
	if w.cfg.ONVIF {
		mux.HandleFunc("POST /onvif/", w.onvif)
	}
	w.server = &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.requests.Add(1)
			mux.ServeHTTP(rw, r)
		}),
	}
	c.web = w
	w.done.Go(func() { _ = w.server.Serve(w.ln) }) // ends with close
	return nil
}

func (w *webServer) close() {
	_ = w.server.Close()
	w.done.Wait()
}

// WebURL is the address of the camera's web server, "" if it has none.
func (c *Camera) WebURL() string {
	if c.web == nil {
		return ""
	}
	return "http://" + c.web.ln.Addr().String()
}

// WebStats may be called at any time.
func (c *Camera) WebStats() WebStats {
	w := c.web
	if w == nil {
		return WebStats{}
	}
	return WebStats{Requests: w.requests.Load(), Refused: w.refused.Load(), KeyFrames: w.keyFrames.Load()}
}

// keyFrame is a request for one that was understood and allowed.
func (w *webServer) keyFrame() {
	w.keyFrames.Add(1)
	if !w.cfg.Deaf {
		w.camera.KeyFrame()
	}
}

// challenge is what a request without credentials is answered with.
func (w *webServer) challenge() *digest.Challenge {
	c := &digest.Challenge{Realm: "IP camera", Nonce: w.nonce, QOP: []string{"auth"}, Algorithm: "MD5"}
	if w.cfg.SHA256 {
		c.Algorithm = "SHA-256"
	}
	return c
}

// admits checks HTTP Digest credentials (RFC 7616).
func (w *webServer) admits(r *http.Request) bool {
	user, password := w.camera.cfg.Username, w.camera.cfg.Password
	if user == "" && !w.cfg.Refuses {
		return true
	}
	given, err := digest.ParseCredentials(r.Header.Get("Authorization"))
	if err != nil {
		return false
	}
	want, err := digest.Digest(w.challenge(), digest.Options{
		Method: r.Method, URI: given.URI, Username: user, Password: password, Cnonce: given.Cnonce, Count: given.Nc,
	})
	if err != nil || w.cfg.Refuses || given.Username != user || given.Response != want.Response || given.URI != r.URL.RequestURI() {
		w.refused.Add(1)
		return false
	}
	return true
}

// locked asks for credentials first.
func (w *webServer) locked(next http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if !w.admits(r) {
			rw.Header().Set("WWW-Authenticate", w.challenge().String())
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(rw, r)
	}
}

func (w *webServer) isapi(rw http.ResponseWriter, _ *http.Request) {
	w.keyFrame()
	_, _ = io.WriteString(rw, `<?xml version="1.0" encoding="UTF-8"?><ResponseStatus version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema"><statusCode>1</statusCode><statusString>OK</statusString></ResponseStatus>`)
}

func (w *webServer) sunapi(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("msubmenu") != "setsynchronizationpoint" || q.Get("action") != "control" || q.Get("Channel") != "0" || q.Get("Profile") != "2" {
		http.Error(rw, "NG\r\nError Code: 600", http.StatusBadRequest)
		return
	}
	w.keyFrame()
	_, _ = io.WriteString(rw, "OK\r\n")
}
