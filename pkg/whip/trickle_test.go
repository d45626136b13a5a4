package whip

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// allocation takes longer than an offer waits.
const allocation = 150 * time.Millisecond

// trickling is a configuration with a TURN server and nothing but it.
func trickling(turn *whiptest.TURN) Config {
	return Config{RelayOnly: true, Timeouts: Timeouts{Direct: 500 * time.Millisecond}, ICEServers: []ICEServer{
		{URL: turn.URL("udp"), Username: whiptest.TURNUser, Credential: whiptest.TURNCredential},
	}}
}

// Candidates that were not there for the offer follow the 201 in one PATCH, with
// the entity tag as the server wrote it.
func TestTrickle(t *testing.T) {
	turn := whiptest.NewTURN(t, allocation)
	const delay = 300 * time.Millisecond
	server := whiptest.NewServer(t, whiptest.Config{Reachable: turn.IsRelay, Patch: whiptest.Patch{Trickle: true, Restart: true},
		Script: func(r whiptest.Request) *whiptest.Reply {
			if r.Method == "POST" {
				return &whiptest.Reply{Delay: delay}
			}
			return nil
		}})
	cfg := trickling(turn)
	cfg.Timeouts.Gather = testWait
	s := publish(t, server, cfg, videoTrack)
	viaRelay(t, server, s)
	posts, patches := server.Requests("POST"), server.Requests("PATCH")
	if len(posts) != 1 || len(patches) != 1 {
		t.Fatalf("%d POST, %d PATCH", len(posts), len(patches))
	}
	if !strings.Contains(posts[0].Body, "a=ice-options:trickle") || strings.Contains(posts[0].Body, "a=end-of-candidates") {
		t.Error("the offer does not say that candidates may follow")
	}
	if patches[0].At.Sub(posts[0].At) < delay {
		t.Error("PATCH before the 201")
	}
	if got := patches[0].Header.Get("If-Match"); got != `W/"ice-0"` {
		t.Errorf("If-Match: %s", got)
	}
	peer := server.WaitSession(t)
	f := peer.Trickled()
	if len(f) != 1 || !f[0].Complete || len(f[0].Candidates) == 0 || !strings.Contains(posts[0].Body, "a=ice-ufrag:"+f[0].Ufrag) ||
		!slices.Contains(f[0].Options, "trickle") {
		t.Errorf("%+v", f)
	}
}

// A server that takes no PATCH gets all candidates with the offer of a second
// session, and at once the next time.
func TestTrickleRefused(t *testing.T) {
	for _, status := range []int{400, 405, 415, 422, 428, 501} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			turn := whiptest.NewTURN(t, allocation)
			var refused atomic.Bool // the first session finds no path without its candidates
			server := whiptest.NewServer(t, whiptest.Config{
				Reachable: func(a net.Addr) bool { return turn.IsRelay(a) && refused.Load() },
				Script: func(r whiptest.Request) *whiptest.Reply {
					switch {
					case r.Method == "PATCH":
						return &whiptest.Reply{Status: status}
					case r.Method == "POST" && r.N == 1:
						refused.Store(true)
					}
					return nil
				}})
			cfg := trickling(turn)
			cfg.Endpoint = server.URL()
			cfg.Timeouts.Gather = testWait
			client, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				s, err := client.Publish(t.Context(), []Track{videoTrack})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if posts, patches, deletes := len(server.Requests("POST")), len(server.Requests("PATCH")), len(server.Requests("DELETE")); posts != 3 || patches != 1 || deletes != 3 {
				t.Errorf("%d POST, %d PATCH, %d DELETE", posts, patches, deletes)
			}
		})
	}
}

// A refused PATCH does not touch a session that lives without it.
func TestTrickleRefusedInLife(t *testing.T) {
	for _, reply := range []*whiptest.Reply{{Status: 500}, {Status: 405}, {Status: 412}, {Reset: true}} {
		server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
			if r.Method == "PATCH" {
				return reply
			}
			return nil
		}})
		s := publish(t, server, Config{Timeouts: Timeouts{Gather: 500 * time.Millisecond, Direct: 200 * time.Millisecond},
			ICEServers: []ICEServer{{URL: deadSTUN(t)}}}, videoTrack)
		pump(t, s, 0, 100)
		server.WaitRequests(t, "PATCH", 1)
		<-s.trickleDone
		peer := server.WaitSession(t)
		have := peer.Track(Video).Packets
		peer.WaitPackets(t, Video, have+20)
		if s.Err() != nil || len(server.Requests("POST")) != 1 || len(server.Requests("PATCH")) != 1 {
			t.Errorf("%+v: %v, %d POST, %d PATCH", reply, s.Err(), len(server.Requests("POST")), len(server.Requests("PATCH")))
		}
	}
}

// The format of the 201's Accept-Patch says whether PATCH makes sense at all.
func TestAcceptPatch(t *testing.T) {
	for value, want := range map[string]bool{"": true, fragmentType: true, "text/x, " + fragmentType: true, "application/json": false} {
		s := newBareSession(t)
		h := http.Header{}
		if value != "" {
			h.Set("Accept-Patch", value)
		}
		s.learnFromAnswer(h)
		if got := s.mayRestart(); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestNoTrickle(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{NoTrickle: true, ICEServers: []ICEServer{{URL: "stun:" + stunServer(t)}}}, videoTrack)
	if s.Err() != nil || len(server.Requests("PATCH")) != 0 {
		t.Error(s.Err())
	}
	if body := server.Requests("POST")[0].Body; strings.Contains(body, "trickle") || !strings.Contains(body, "srflx") {
		t.Errorf("%s", body)
	}
}

// newBareSession is one that has a URL and nothing else.
func newBareSession(t *testing.T) *Session {
	c, err := New(Config{Endpoint: "https://host.example/w"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := parseEndpoint("https://host.example/w/1")
	if err != nil {
		t.Fatal(err)
	}
	return &Session{client: c, url: u, log: c.log}
}
