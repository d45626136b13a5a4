package whip

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// A token that has expired in a session's life costs the session when its path is lost,
// not before, and a single DELETE; the server is not taken for one that cannot restart.
func TestTokenExpiresInLife(t *testing.T) {
	var expired atomic.Bool
	server := whiptest.NewServer(t, whiptest.Config{RestartOpensPath: true, Patch: whiptest.Patch{Restart: true},
		Script: func(whiptest.Request) *whiptest.Reply {
			if expired.Load() {
				return &whiptest.Reply{Status: http.StatusUnauthorized}
			}
			return nil
		}})
	s := publish(t, server, Config{Token: StaticToken("tok-of-an-hour"), Timeouts: quick}, videoTrack)
	pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 5)
	expired.Store(true)
	peer.WaitPackets(t, Video, peer.Track(Video).Packets+50)
	peer.Blackhole(true, true)
	select {
	case <-s.Done():
	case <-time.After(testWait):
		t.Fatal("the session did not end")
	}
	_ = s.Close(t.Context())
	if n := len(server.Requests("PATCH")); n != 1 {
		t.Errorf("%d PATCH requests", n)
	}
	if n := len(server.Requests("DELETE")); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
	if !s.mayRestart() {
		t.Error("no restart will be tried with the next token")
	}
}

// A token that is made afresh for each request restarts the session, however long the
// first has expired.
func TestFreshTokenRestarts(t *testing.T) {
	var n atomic.Int32
	server := whiptest.NewServer(t, whiptest.Config{RestartOpensPath: true, Patch: whiptest.Patch{Restart: true},
		Script: func(r whiptest.Request) *whiptest.Reply {
			if r.Method != http.MethodPost && strings.Contains(r.Header.Get("Authorization"), "fresh-token-1") {
				return &whiptest.Reply{Status: http.StatusUnauthorized}
			}
			return nil
		}})
	s := publish(t, server, Config{Timeouts: quick, Token: func(context.Context) (string, error) {
		return "fresh-token-" + string(rune('0'+n.Add(1))), nil
	}}, videoTrack)
	loseAndRecover(t, server, s)
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// idleCounter counts how often idle connections are closed.
type idleCounter struct {
	http.RoundTripper
	closed atomic.Int32
}

func (c *idleCounter) CloseIdleConnections() { c.closed.Add(1) }

// Connections that idle are bound to an address that may be gone: none is used for a
// restart.
func TestIdleConnectionsBeforeARestart(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{RestartOpensPath: true, Patch: whiptest.Patch{Restart: true}})
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	idle := &idleCounter{RoundTripper: transport}
	s := publish(t, server, Config{HTTPClient: &http.Client{Transport: idle}, Timeouts: quick}, videoTrack)
	if idle.closed.Load() != 0 {
		t.Error("connections are closed without need")
	}
	loseAndRecover(t, server, s)
	if idle.closed.Load() == 0 {
		t.Error("the restart may have used an old connection")
	}
	// The package's own client keeps none at all.
	client, err := New(Config{Endpoint: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if own, ok := client.http.Transport.(*http.Transport); !ok || !own.DisableKeepAlives {
		t.Error("the package's own client keeps connections")
	}
}
