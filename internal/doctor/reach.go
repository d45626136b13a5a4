package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

const (
	askLimit = 4 * time.Second // a request to a server's root
	// A certificate is renewed a month before its end, as a rule.
	soon = 14 * 24 * time.Hour
	// Beyond these a clock is worth a word, and LiveKit refuses tokens.
	clockOdd = 5 * time.Second
	clockOff = time.Minute
)

// reach looks at the way to a server: name, connection, certificate, and its clock.
// It asks for nothing but the server's root, without credentials.
func (e *exam) reach(ctx context.Context, part Part, raw string, judged whip.TLS) bool {
	put := func(step string, r Result) { e.sheet.put(part, step, r) }
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		put(stepResolve, Result{Text: "the URL has no host"}.fails("write it as https://HOST/PATH"))
		return false
	}
	secure := u.Scheme == "https" || u.Scheme == "wss"
	root := &url.URL{Scheme: "http", Host: u.Host, Path: "/"}
	fallback := "80"
	if secure {
		root.Scheme, fallback = "https", "443"
	}
	via := ""
	host, port := hostPort(root, fallback)
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: root}); err == nil && proxy != nil {
		host, port = hostPort(proxy, "80")
		via = ", a proxy (by the environment)"
	}
	addrs, took, err := resolve(ctx, host)
	if err != nil {
		put(stepResolve, bad(took, err, nameHint))
		return false
	}
	r := resolved(host, addrs, took)
	r.Text += via
	put(stepResolve, r)
	began := time.Now()
	c, err := dialAny(ctx, "tcp", addrs, port)
	if err != nil {
		put(stepConnect, bad(time.Since(began), err, serverHint(err)))
		return false
	}
	put(stepConnect, good(time.Since(began), "to "+c.RemoteAddr().String(), Facts{"remote": c.RemoteAddr().String()}))
	_ = c.Close()
	if !secure {
		put(stepTLS, plain(u.Hostname()))
	}
	return e.visit(ctx, put, root, judged)
}

func serverHint(err error) string {
	if strings.Contains(err.Error(), "refused") {
		return "nothing listens on this port: check the port number, and whether the server runs"
	}
	return "a firewall may drop it: let this box out to this address and port, and check this box's gateway"
}

// plain judges http.
func plain(host string) Result {
	r := good(0, "none: plain http", nil)
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		r.Text += " on this machine"
		return r
	}
	return r.but("use https or wss: now tokens can be read on the way (RFC 9725 section 5)")
}

// visit looks at the certificate and at the Date of an answer.
func (e *exam) visit(ctx context.Context, put func(string, Result), root *url.URL, judged whip.TLS) bool {
	cfg, err := judged.Config()
	if err != nil {
		put(stepTLS, bad(0, err, "check the certificate settings (tls)"))
		return false
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: cfg, DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var hand handshake
	ctx = httptrace.WithClientTrace(ctx, hand.trace())
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, root.String(), nil)
	if err != nil {
		return false
	}
	sent := time.Now()
	res, err := client.Do(req)
	now := time.Now()
	took, state, tlsErr := hand.result()
	if root.Scheme == "https" {
		if state == nil || tlsErr != nil {
			if tlsErr == nil {
				tlsErr = err
			}
			put(stepTLS, bad(took, bare(tlsErr), certificateHint(tlsErr)))
			return false
		}
		put(stepTLS, certificate(took, state, judged))
	}
	if err != nil {
		put(stepClock, good(0, "the server answered no plain request, so its clock is not known", nil))
		return true
	}
	_ = res.Body.Close()
	put(stepClock, clock(res.Header.Get("Date"), sent, now))
	return true
}

// handshake is what httptrace tells of TLS, from a goroutine of the transport's.
type handshake struct {
	mu    sync.Mutex
	began time.Time
	took  time.Duration
	state *tls.ConnectionState
	err   error
}

func (h *handshake) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() { h.mu.Lock(); h.began = time.Now(); h.mu.Unlock() },
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			h.mu.Lock()
			h.took, h.state, h.err = time.Since(h.began), &s, err
			h.mu.Unlock()
		},
	}
}

func (h *handshake) result() (time.Duration, *tls.ConnectionState, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.took, h.state, h.err
}

// bare is an error without the URL that http.Client puts before it.
func bare(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

func certificateHint(err error) string {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		record    tls.RecordHeaderError
	)
	today := time.Now().UTC().Format("2006-01-02 15:04")
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the server's certificate, unless this box's clock is wrong: it says " + today + " UTC"
	case errors.As(err, &authority):
		return "take a certificate that this box's system trusts, or name its authority (tls.ca_file) or fingerprint (tls.sha256) in the site's file"
	case errors.As(err, &name):
		return "use the host name that the certificate is for"
	case errors.As(err, &record):
		return "this port does not speak TLS: check the port, or use http or ws"
	}
	return "check that this is the server's TLS port, and that nothing on the way intercepts TLS"
}

// certificate judges what has been accepted.
func certificate(took time.Duration, s *tls.ConnectionState, judged whip.TLS) Result {
	if len(s.PeerCertificates) == 0 {
		return good(took, tls.VersionName(s.Version), nil)
	}
	leaf := s.PeerCertificates[0]
	left := time.Until(leaf.NotAfter)
	r := good(took, fmt.Sprintf("%s, certificate until %s (%d days)", tls.VersionName(s.Version), leaf.NotAfter.UTC().Format(time.DateOnly), int(left.Hours()/24)),
		Facts{"version": tls.VersionName(s.Version), "not_after": leaf.NotAfter.UTC().Format(time.RFC3339), "issuer": leaf.Issuer.String()})
	switch {
	case judged.Insecure:
		r.Text += ", not checked"
		return r.but("check the certificate (remove tls.insecure): now anybody on the way can read tokens and video")
	case judged.SHA256 != "":
		r.Text += ", the pinned one"
	case left < soon:
		return r.but("renew the server's certificate now")
	}
	return r
}

// clock compares this box's clock with the server's, whose Date has whole seconds.
func clock(date string, sent, got time.Time) Result {
	at, err := http.ParseTime(date)
	if err != nil {
		return good(0, "the server does not tell its time", nil)
	}
	off := sent.Add(got.Sub(sent) / 2).Sub(at.Add(500 * time.Millisecond))
	facts := Facts{"ahead_seconds": round(off.Seconds(), 0)}
	if off.Abs() < clockOdd {
		return good(0, "this box and the server agree", facts)
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	r := good(0, fmt.Sprintf("this box is %s %s the server", off.Abs().Round(time.Second), way), facts)
	const hint = "set this box's clock by NTP (timedatectl set-ntp true): tokens and certificates depend on it"
	if off.Abs() >= clockOff {
		return r.fails(hint)
	}
	return r.but(hint)
}
