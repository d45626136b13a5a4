package ingress

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is the camera of most tests.
var gate = Spec{Name: Marker("", "gate"), Room: "site", Identity: "cam-gate", DisplayName: "Gate"}

// fake starts a LiveKit API server, and a client for it whose log is kept.
func fake(t *testing.T, options ...func(*Config)) (*ingresstest.Server, *Client, *logbook) {
	t.Helper()
	s := ingresstest.Start()
	t.Cleanup(s.Close)
	log := &logbook{}
	c := connect(t, s.URL, append([]func(*Config){func(cfg *Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	}}, options...)...)
	return s, c, log
}

func connect(t *testing.T, url string, options ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: url, APIKey: ingresstest.Key, APISecret: ingresstest.Secret, Timeout: time.Minute}
	for _, o := range options {
		o(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// ownHTTP gives a client an http.Client, which takes another way to the server
// than the SDK's.
func ownHTTP(cfg *Config) { cfg.HTTPClient = &http.Client{Transport: &http.Transport{}} }

func timeout(d time.Duration) func(*Config) { return func(cfg *Config) { cfg.Timeout = d } }

func ensure(t *testing.T, c *Client, spec Spec) Endpoint {
	t.Helper()
	e, err := c.Ensure(t.Context(), spec)
	if err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	return e
}

// only checks that the server has exactly one ingress and returns it.
func only(t *testing.T, s *ingresstest.Server) *livekit.IngressInfo {
	t.Helper()
	all := s.Ingresses("")
	if len(all) != 1 {
		t.Fatalf("the server has %d ingresses, want 1: %v", len(all), all)
	}
	return all[0]
}

// on makes a fault function that strikes the nth request of a method only.
func on(method string, n int, f ingresstest.Fault) func(string, int) ingresstest.Fault {
	return func(m string, k int) ingresstest.Fault {
		if m == method && k == n {
			return f
		}
		return ingresstest.Fault{}
	}
}

func always(f ingresstest.Fault) func(string, int) ingresstest.Fault {
	return func(string, int) ingresstest.Fault { return f }
}

// noSecret fails if anything of text is secret.
func noSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{ingresstest.Secret, "streamkey", "eyJ"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

// allForms prints v in each way that could bring a secret to light.
func allForms(v any) string {
	return fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v)
}

// logbook is a log that tests can read while it is written.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
