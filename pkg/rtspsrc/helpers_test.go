package rtspsrc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// waitFor polls until cond holds.
func waitFor(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	limit := time.After(time.Minute)
	for !cond() {
		select {
		case <-t.C:
		case <-limit:
			tb.Fatalf("gave up waiting for %s", what)
		}
	}
}

func testContext(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

// closeWithin closes a session, which must not take for ever.
func closeWithin(tb testing.TB, s *rtspsrc.Session, limit time.Duration) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Close()
	}()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		tb.Fatalf("Close takes longer than %v", limit)
	}
}

// newSource is New for a configuration that must be right.
func newSource(tb testing.TB, cfg rtspsrc.Config) *rtspsrc.Source {
	tb.Helper()
	s, err := rtspsrc.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// sink collects packets.
type sink struct {
	mu      sync.Mutex
	packets map[string][]*rtp.Packet
	late    []time.Duration
}

func (s *sink) handle(t rtspsrc.Track, pkt *rtp.Packet, arrived time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packets == nil {
		s.packets = map[string][]*rtp.Packet{}
	}
	s.packets[t.Codec] = append(s.packets[t.Codec], pkt.Clone())
	s.late = append(s.late, time.Since(arrived))
}

func (s *sink) count(codec string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.packets[codec])
}

// selfSigned makes a certificate as cameras do: for no name, by nobody.
func selfSigned(tb testing.TB) *tls.Config {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "camera"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
