package ingress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/ports"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

func TestUnreachable(t *testing.T) {
	refused, release, err := ports.Shut("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	plain := ingresstest.Start()
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	dialing := func(err error) func(*Config) {
		return func(c *Config) {
			c.HTTPClient = &http.Client{Transport: &http.Transport{
				DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err },
			}}
		}
	}
	trusting := func(c *Config) { // trusts the certificate, so that its host name is looked at
		pool := x509.NewCertPool()
		pool.AddCert(secure.Certificate())
		c.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "other.example.org"}}}
	}
	then := func(at time.Time) func(*Config) {
		return func(c *Config) {
			pool := x509.NewCertPool()
			pool.AddCert(secure.Certificate())
			c.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Time: func() time.Time { return at }}}}
		}
	}
	for name, tc := range map[string]struct {
		url    string
		cfg    func(*Config)
		reason Reason
		slow   bool
		text   string
		hint   string
	}{
		"refused":        {"ws://" + refused, nil, Unreachable, false, "connection refused", "nothing listens"},
		"no such host":   {"wss://nowhere.example.com", dialing(&net.DNSError{Err: "no such host", IsNotFound: true}), Unreachable, false, "host name not found", "DNS"},
		"dns is down":    {"wss://slow.example.com", dialing(&net.DNSError{IsTimeout: true}), Unreachable, false, "host name lookup failed", "DNS"},
		"dial timeout":   {"wss://slow.example.com", dialing(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), Timeout, false, "no answer in time", "firewall"},
		"no route":       {"wss://far.example.com", dialing(&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}), Unreachable, false, "no route", "gateway"},
		"broken":         {"wss://odd.example.com", dialing(errors.New("odd " + ingresstest.Secret)), Unreachable, false, "connection broken", "proxies"},
		"plain, not TLS": {"wss" + strings.TrimPrefix(plain.URL, "http"), nil, TLS, true, "speaks no TLS", "ws:// instead of wss://"},
		"TLS, not plain": {"ws" + strings.TrimPrefix(secure.URL, "https"), nil, TLS, true, "400: the server wants TLS", "wss:// instead of ws://"},
		"untrusted":      {secure.URL, ownHTTP, TLS, true, "not trusted", "certificate authority"},
		"another's name": {secure.URL, trusting, TLS, true, "another host name", "host name"},
		"expired":        {secure.URL, then(secure.Certificate().NotAfter.Add(time.Hour)), TLS, true, "expired", "renew"},
		"not valid yet":  {secure.URL, then(secure.Certificate().NotBefore.Add(-time.Hour)), TLS, true, "not valid yet", "renew"},
	} {
		t.Run(name, func(t *testing.T) {
			var opts []func(*Config)
			if tc.cfg != nil {
				opts = append(opts, tc.cfg)
			}
			_, err := connect(t, tc.url, opts...).Ensure(t.Context(), gate)
			wantError(t, err, tc.reason, tc.slow, tc.text, tc.hint)
		})
	}
}

// TestClockBehindCertificate: a certificate of the future is a clock of the past.
func TestClockBehindCertificate(t *testing.T) {
	c := connect(t, "wss://lk.example.com")
	cert := &x509.Certificate{NotBefore: time.Now().Add(time.Hour)}
	err := c.explain(t.Context(), "ListIngress", &url.Error{Op: "Post", Err: x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}})
	wantError(t, err, TLS, true, "not valid yet", "clock is behind")
}

func TestTimeout(t *testing.T) {
	for name, opt := range map[string]func(*Config){"sdk": func(*Config) {}, "own http client": ownHTTP} {
		t.Run(name, func(t *testing.T) {
			s, c, _ := fake(t, opt, timeout(100*time.Millisecond))
			s.Fault = always(ingresstest.Fault{Hang: true})
			_, err := c.Ensure(t.Context(), gate)
			wantError(t, err, Timeout, false, "no answer in time", "firewall")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v is not context.DeadlineExceeded", err)
			}
		})
	}
}

// TestSpeaksNoHTTP meets a server of another protocol.
func TestSpeaksNoHTTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	_, err = connect(t, "ws://"+l.Addr().String()).Ensure(t.Context(), gate)
	var e *Error
	if !errors.As(err, &e) || (e.Reason != NotLiveKit && e.Reason != Unreachable) || e.Hint() == "" {
		t.Errorf("%v", err)
	}
}

// TestClockOff has a server whose clock is right and ours wrong, as seen from here.
func TestClockOff(t *testing.T) {
	for offset, hint := range map[time.Duration]string{
		26 * time.Hour: "behind the LiveKit server's", -2 * time.Hour: "ahead of the LiveKit server's",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte("invalid authorization token"))
		}))
		t.Cleanup(srv.Close)
		_, err := connect(t, srv.URL).Participants(t.Context(), "site")
		var e *Error
		if !errors.As(err, &e) || e.Reason != Unauthorized || !strings.Contains(err.Error(), "clocks differ") {
			t.Fatalf("%v", err)
		}
		// The Date header counts whole seconds, and the answer takes some.
		before, _, ok := strings.Cut(e.Hint(), " "+hint)
		told, err := time.ParseDuration(before[strings.LastIndexByte(before, ' ')+1:])
		if !ok || err != nil || (told-offset.Abs()).Abs() > time.Minute {
			t.Errorf("hint %q, want %s %s", e.Hint(), offset.Abs(), hint)
		}
	}
}
