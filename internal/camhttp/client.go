// Package camhttp speaks HTTP to cameras, which are small, old and not to be
// trusted: answers are bounded in size and time, redirects are not followed, no
// proxy lies between, and the password never travels in the clear.
package camhttp

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/icholy/digest"
)

// Bounds of one request.
const (
	dialTimeout = 3 * time.Second
	timeout     = 5 * time.Second
	// MaxBody is how many bytes of an answer are read, at most. The longest that
	// cameras send are lists of their profiles, of some 100 kB.
	MaxBody = 1 << 20
)

// Config says who asks. The zero value asks without a password.
type Config struct {
	Username, Password string
	TLS                *tls.Config // for https; nil: certificates must be valid
}

// New returns a client for one camera. It answers Digest challenges of any
// algorithm (RFC 7616), once for each request, and never Basic ones. It keeps no
// connection open.
func New(cfg Config) *http.Client {
	var rt http.RoundTripper = bounded{&http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:        cfg.TLS,
		TLSHandshakeTimeout:    dialTimeout,
		DisableKeepAlives:      true, // a request every few minutes at most
		DisableCompression:     true, // a small answer must not unpack to a large one
		MaxResponseHeaderBytes: 32 << 10,
	}}
	if cfg.Username != "" {
		rt = &digest.Transport{Username: cfg.Username, Password: cfg.Password, Transport: rt}
	}
	return &http.Client{
		Transport:     rt,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts answers off.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, MaxBody), res.Body}
	}
	return res, err
}
