package whip

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// behindRelay is a server that is reached by way of a TURN server only, which its
// 201 recommends.
func behindRelay(t *testing.T, transport string, patch whiptest.Patch) (*whiptest.Server, *whiptest.TURN) {
	turn := whiptest.NewTURN(t, 0)
	return whiptest.NewServer(t, whiptest.Config{
		Header:    http.Header{"Link": {turn.Link(transport)}},
		Reachable: turn.IsRelay, Patch: patch,
	}), turn
}

func viaRelay(t *testing.T, server *whiptest.Server, s *Session) {
	t.Helper()
	pump(t, s, 0, 100)
	server.WaitSession(t).WaitPackets(t, Video, 20)
	if pair := s.Stats().Pair; !strings.Contains(pair, "(relay) ->") {
		t.Errorf("the path is %s", pair)
	}
}

// Without a direct path, a session goes by the TURN server that the 201 names: by a
// restart, or as a new session where the server cannot restart.
func TestRecommendedRelay(t *testing.T) {
	restart := whiptest.Patch{Restart: true}
	for _, c := range []struct {
		name      string
		transport string
		patch     whiptest.Patch
		cfg       Config
		posts     int
	}{
		{"by a restart", "udp", restart, Config{}, 1},
		{"over TCP", "tcp", restart, Config{}, 1},
		{"over TLS", "tls", restart, Config{}, 1},
		{"relay only", "udp", restart, Config{RelayOnly: true}, 1},
		{"LiveKit Ingress", "udp", whiptest.Patch{LiveKit: true}, Config{}, 1},
		{"no PATCH", "udp", whiptest.Patch{}, Config{}, 2},
		{"relay only, no PATCH", "udp", whiptest.Patch{}, Config{RelayOnly: true}, 2},
		{"restart switched off", "udp", restart, Config{NoRestart: true}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log syncBuffer
			server, turn := behindRelay(t, c.transport, c.patch)
			c.cfg.TLS.CAFile = turn.CAFile() // of no consequence but for TLS
			c.cfg.Timeouts = Timeouts{Direct: 500 * time.Millisecond}
			c.cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			began := time.Now()
			s := publish(t, server, c.cfg, videoTrack)
			t.Logf("connected after %v", time.Since(began).Round(time.Millisecond))
			viaRelay(t, server, s)
			if got := s.Stats().Path; got != (Path{"relay", c.transport}) {
				t.Errorf("the path is %+v", got)
			}
			if n := len(server.Requests("POST")); n != c.posts {
				t.Errorf("%d POST requests", n)
			}
			if n := len(server.Requests("DELETE")); n != c.posts-1 {
				t.Errorf("%d DELETE requests", n)
			}
			if c.cfg.RelayOnly && len(candidates(server.Requests("POST")[0].Body)) != 0 {
				t.Error("addresses of this machine were offered")
			}
			if text := log.String(); strings.Contains(text, whiptest.TURNCredential) || strings.Contains(text, whiptest.StreamKey) {
				t.Error("the log contains a secret")
			}
		})
	}
}

// The configuration's own ICE servers take the place of the recommended ones.
func TestConfiguredServersOverride(t *testing.T) {
	server, _ := behindRelay(t, "udp", whiptest.Patch{Restart: true})
	// Without trickle, so that any PATCH would be a restart.
	client, err := New(Config{Endpoint: server.URL(), NoTrickle: true, ICEServers: []ICEServer{{URL: "stun:" + stunServer(t)}},
		Timeouts: Timeouts{Direct: 100 * time.Millisecond, Connect: 1500 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := client.Publish(t.Context(), []Track{videoTrack}); err == nil {
		_ = s.Close(t.Context())
		t.Fatal("connected by a server that was overridden")
	}
	if n := len(server.Requests("PATCH")); n != 0 {
		t.Errorf("%d PATCH requests", n)
	}
}

// A direct path is taken although the server recommends a relay.
func TestDirectPathFirst(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Header: http.Header{"Link": {whiptest.NewTURN(t, 0).Link("udp")}}})
	s := publish(t, server, Config{}, videoTrack)
	if pair := s.Stats().Pair; strings.Contains(pair, "relay") || pair == "" {
		t.Errorf("the path is %s", pair)
	}
	if n := len(server.Requests("PATCH")); n != 0 {
		t.Errorf("%d PATCH requests", n)
	}
}

func TestRelayOnlyWithoutRelay(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	client, err := New(Config{Endpoint: server.URL(), RelayOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Publish(t.Context(), []Track{videoTrack})
	if err == nil || !strings.Contains(err.Error(), "no TURN server") || !slowly(err) {
		t.Errorf("%v", err)
	}
	if n := len(server.Requests("DELETE")); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

// A session on a relay survives the loss of its path as well.
func TestRestartOnRelay(t *testing.T) {
	turn := whiptest.NewTURN(t, 0)
	server := whiptest.NewServer(t, whiptest.Config{Reachable: turn.IsRelay, RestartOpensPath: true,
		Patch: whiptest.Patch{Restart: true}})
	s := publish(t, server, Config{RelayOnly: true, NoTrickle: true, Timeouts: quick, ICEServers: []ICEServer{
		{URL: turn.URL("udp"), Username: whiptest.TURNUser, Credential: whiptest.TURNCredential},
	}}, videoTrack)
	loseAndRecover(t, server, s)
	if n := len(server.Requests("POST")); n != 1 {
		t.Errorf("%d POST requests", n)
	}
	if path := s.Stats().Path; path != (Path{"relay", "udp"}) {
		t.Errorf("the path is %+v", path)
	}
}

// A TURN server whose certificate nobody vouches for gets neither name nor password.
func TestRelayWithoutTrust(t *testing.T) {
	server, _ := behindRelay(t, "tls", whiptest.Patch{Restart: true})
	client, err := New(Config{Endpoint: server.URL(), RelayOnly: true, Timeouts: Timeouts{Connect: time.Second, Gather: 500 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Publish(t.Context(), []Track{videoTrack})
	if err == nil {
		_ = s.Close(t.Context())
		t.Fatal("connected")
	}
	if !strings.Contains(err.Error(), "no ICE candidates") {
		t.Error(err)
	}
}

func TestOverTLS(t *testing.T) {
	urls, err := iceURLs([]ICEServer{
		{URL: "stun:a.example.com"}, {"turn:b.example.com:443?transport=tcp", "u", "p"}, {"turns:c.example.com", "u", "p"},
		{"turns:[2001:db8::1]:443?transport=tcp", "u", "p"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"a.example.com:3478": "", "b.example.com:443": "", "c.example.com:5349": "c.example.com", "[2001:db8::1]:443": "2001:db8::1", "c.example.com:443": "",
	} {
		if host, ok := overTLS(urls, address); host != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", address, host, ok)
		}
	}
}
