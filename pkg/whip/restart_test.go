package whip

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// quick makes a lost path noticed soon, and not whenever the machine stands still.
var quick = Timeouts{Disconnect: 2 * time.Second, Restart: testWait}

// lose cuts the path of a session under media, which only a restart opens again,
// and waits until media flows anew. It returns how long that took.
func loseAndRecover(t *testing.T, server *whiptest.Server, s *Session) time.Duration {
	t.Helper()
	pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 20)
	peer.Blackhole(true, true)
	began := time.Now()
	peer.WaitFor(t, "an ICE restart", func() bool { return peer.Restarts() > 0 })
	have := peer.Track(Video).Packets
	peer.WaitPackets(t, Video, have+20)
	eventually(t, "the restart counted", func() bool { return s.Stats().Restarts == 1 })
	return time.Since(began)
}

// A lost path is replaced within the WHIP session by each kind of server, and what
// the server wants is remembered.
func TestRestart(t *testing.T) {
	for _, c := range []struct {
		name    string
		patch   whiptest.Patch
		patches int
	}{
		{"as the RFC's text", whiptest.Patch{Restart: true}, 1},
		{"with a quoted star", whiptest.Patch{Restart: true, QuotedStar: true}, 2},
		{"as LiveKit Ingress", whiptest.Patch{LiveKit: true}, 2},
		{"line feeds", whiptest.Patch{Restart: true, MutateReply: func(s string) string {
			return strings.ReplaceAll(s, "\r\n", "\n")
		}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := whiptest.NewServer(t, whiptest.Config{Patch: c.patch, RestartOpensPath: true, Token: "tok-1234"})
			wanted := make(chan int, 100)
			s := publish(t, server, Config{Token: StaticToken("tok-1234"), Timeouts: quick, OnKeyFrameRequest: func(track int) {
				wanted <- track
			}}, videoTrack, opusTrack)
			first := server.WaitSession(t).Offer()
			took := loseAndRecover(t, server, s)
			t.Logf("media again %v after the path was lost, of which %v to notice", took.Round(time.Millisecond), quick.Disconnect)
			select {
			case <-wanted:
			case <-time.After(testWait):
				t.Error("no key frame was asked for")
			}
			patches := server.Requests("PATCH")
			if len(patches) != c.patches || len(server.Requests("POST")) != 1 || len(server.Requests("DELETE")) != 0 {
				t.Fatalf("%d PATCH, %d POST, %d DELETE", len(patches), len(server.Requests("POST")), len(server.Requests("DELETE")))
			}
			if got := patches[0].Header.Get("If-Match"); got != "*" {
				t.Errorf("If-Match: %s", got)
			}
			if got := patches[0].Header.Get("Content-Type"); got != fragmentType {
				t.Errorf("Content-Type: %s", got)
			}
			f, err := whiptest.ParseFragment(patches[0].Body)
			if err != nil || strings.Contains(first, "a=ice-ufrag:"+f.Ufrag) || len(f.Candidates) == 0 || !f.Complete || f.Group != "0 1" {
				t.Errorf("%v: %+v", err, f)
			}
			if s.Err() != nil {
				t.Error(s.Err())
			}
		})
	}
}

// A restart that fails ends in one DELETE, and a refusal is remembered.
func TestRestartRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		reply    *whiptest.Reply
		patches  int // of the first session; 0 for any number
		remember bool
	}{
		{"400", &whiptest.Reply{Status: 400}, 2, true},
		{"404", &whiptest.Reply{Status: 404}, 1, false},
		{"405", &whiptest.Reply{Status: 405}, 1, true},
		{"412", &whiptest.Reply{Status: 412}, 2, true},
		{"415", &whiptest.Reply{Status: 415}, 1, true},
		{"422", &whiptest.Reply{Status: 422}, 1, true},
		{"428", &whiptest.Reply{Status: 428}, 1, true},
		{"501", &whiptest.Reply{Status: 501}, 1, true},
		{"500", &whiptest.Reply{Status: 500}, 0, false},
		{"204", &whiptest.Reply{Status: 204}, 1, true},
		{"200 without credentials", &whiptest.Reply{Status: 200, Body: "a=mid:0\r\n"}, 0, false},
		{"hang", &whiptest.Reply{Hang: true}, 0, false},
		{"reset", &whiptest.Reply{Reset: true}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
				if r.Method == "PATCH" {
					return c.reply
				}
				return nil
			}})
			timeouts := quick // enough for as many attempts as are counted
			if c.patches == 0 {
				timeouts.Restart = 1500 * time.Millisecond
			}
			s := publish(t, server, Config{Timeouts: timeouts}, videoTrack)
			peer := server.WaitSession(t)
			pump(t, s, 0, 100)
			peer.WaitPackets(t, Video, 5)
			peer.Blackhole(true, true)
			select {
			case <-s.Done():
			case <-time.After(testWait):
				t.Fatal("the session did not end")
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if n := len(server.Requests("PATCH")); (c.patches == 0 && n == 0) || (c.patches > 0 && n != c.patches) {
				t.Errorf("%d PATCH requests", n)
			}
			if n := len(server.Requests("DELETE")); n != 1 {
				t.Errorf("%d DELETE requests", n)
			}
			if got := s.mayRestart(); got == c.remember {
				t.Errorf("a restart of the next session: %v", got)
			}
			if !strings.Contains(s.Err().Error(), "nothing heard") {
				t.Error(s.Err())
			}
		})
	}
}

// Credentials that are not the server's are noticed, and asked for anew.
func TestRestartMismatch(t *testing.T) {
	var replies atomic.Int32
	server := whiptest.NewServer(t, whiptest.Config{RestartOpensPath: true, Patch: whiptest.Patch{Restart: true, MutateReply: func(s string) string {
		if replies.Add(1) == 1 {
			return strings.Replace(s, "a=ice-pwd:", "a=ice-pwd:wrong", 1)
		}
		return s
	}}})
	s := publish(t, server, Config{Timeouts: quick}, videoTrack)
	loseAndRecover(t, server, s)
	if n := len(server.Requests("PATCH")); n != 2 || len(server.Requests("POST")) != 1 {
		t.Errorf("%d PATCH requests", n)
	}
}

// Switched off, nothing but a DELETE follows a lost path.
func TestRestartOff(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Patch: whiptest.Patch{Restart: true}})
	s := publish(t, server, Config{Timeouts: quick, NoRestart: true}, videoTrack)
	server.WaitSession(t).Blackhole(true, true)
	server.WaitRequests(t, "DELETE", 1)
	<-s.Done()
	if n := len(server.Requests("PATCH")); n != 0 {
		t.Errorf("%d PATCH requests", n)
	}
}

// Another address of this machine is reason for a restart before silence is; while
// the address is there, there is none.
func TestRestartOnAddressChange(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Patch: whiptest.Patch{Restart: true}})
	var moved atomic.Bool
	s := publish(t, server, Config{addresses: func(real []netip.Addr) []netip.Addr {
		if moved.Load() {
			return []netip.Addr{netip.MustParseAddr("192.0.2.7")}
		}
		return real
	}}, videoTrack)
	pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 20)
	if s.addressGone() {
		t.Fatal("the address in use is missed")
	}
	if local := s.peer.pair().local; !local.IsValid() {
		t.Errorf("local address %v", local)
	}
	moved.Store(true)
	peer.WaitFor(t, "an ICE restart", func() bool { return peer.Restarts() > 0 })
	moved.Store(false)
	have := peer.Track(Video).Packets
	peer.WaitPackets(t, Video, have+20)
	eventually(t, "the restart counted", func() bool { return s.Stats().Restarts > 0 })
	if s.Err() != nil || len(server.Requests("POST")) != 1 {
		t.Errorf("%v, %d POST", s.Err(), len(server.Requests("POST")))
	}
}

// An end of the session while a restart is under way does not wait for it.
func TestCloseDuringRestart(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method == "PATCH" {
			return &whiptest.Reply{Hang: true}
		}
		return nil
	}})
	s := publish(t, server, Config{Timeouts: Timeouts{Disconnect: time.Second, Restart: time.Minute}}, videoTrack)
	server.WaitSession(t).Blackhole(true, true)
	server.WaitRequests(t, "PATCH", 1)
	began := time.Now()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > testWait/2 {
		t.Errorf("Close took %v", took)
	}
	if n := len(server.Requests("DELETE")); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

// A request that gets no reply is made again: the network may only just be coming
// back.
func TestRestartAfterNoReply(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{RestartOpensPath: true, Patch: whiptest.Patch{Restart: true},
		Script: func(r whiptest.Request) *whiptest.Reply {
			if r.Method == "PATCH" && r.N < 2 {
				return &whiptest.Reply{Reset: true}
			}
			return nil
		}})
	s := publish(t, server, Config{Timeouts: Timeouts{Disconnect: quick.Disconnect}}, videoTrack)
	peer := server.WaitSession(t)
	pump(t, s, 0, 100)
	peer.WaitPackets(t, Video, 5)
	peer.Blackhole(true, true)
	eventually(t, "a third PATCH", func() bool { return len(server.Requests("PATCH")) >= 3 })
	peer.WaitPackets(t, Video, peer.Track(Video).Packets+20)
	if s.Err() != nil || len(server.Requests("POST")) != 1 {
		t.Errorf("%v, %d POST", s.Err(), len(server.Requests("POST")))
	}
}
