package publisher

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestElsewhere(t *testing.T) {
	sid := func(s string) SessionID { return SessionID{Participant: s} }
	res := func(s string) SessionID { return SessionID{Resource: s} }
	there := func(id SessionID) Sighting { return Sighting{Present: true, Active: true, ID: id} }
	both := SessionID{Participant: "PA_9", Resource: "WH_1"}
	for _, c := range []struct {
		name string
		s    Sighting
		own  owned
		want bool
	}{
		{"nobody", Sighting{}, owned{sid("PA_1")}, false},
		{"this session", there(sid("PA_1")), owned{sid("PA_1")}, false},
		{"one of ours that was lost", there(sid("PA_1")), owned{sid("PA_1"), sid("PA_2")}, false},
		{"another participant", there(sid("PA_3")), owned{sid("PA_1"), sid("PA_2")}, true},
		{"another without a transport", Sighting{Present: true, ID: sid("PA_3")}, owned{sid("PA_1")}, false},
		{"our resource", there(both), owned{res("WH_1")}, false},
		{"another resource", there(both), owned{res("WH_2")}, true},
		{"nothing to compare", there(sid("PA_3")), owned{res("WH_1")}, true},
		{"found out before", there(sid("PA_3")), owned{res("WH_1"), {Participant: "PA_3", Resource: "WH_1"}}, false},
	} {
		if got := elsewhere(c.s, c.own); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Two boxes with one file: one publishes, the other waits, and takes over when the
// first has gone.
func TestTwoBoxesAreAStandbyPair(t *testing.T) {
	for _, proxying := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			sfu := &fakeSFU{proxying: proxying}
			var logA, logB bytes.Buffer
			targetA, targetB := sfu.target(), sfu.target()
			a, stopA := box(t, videoOnly(), sfu, targetA, &logA, nil)
			b, stopB := box(t, videoOnly(), sfu, targetB, &logB, nil)
			after(10 * time.Minute)
			boxes := map[*Publisher]func(){a: stopA, b: stopB}
			winner, loser := a, b
			if b.Status().State == Live {
				winner, loser = b, a
			}
			wantState(t, winner, Live)
			if s := wantState(t, loser, Standby); s.Reason != `another publisher has taken the place of "gate" in room "site"` || s.Hint == "" {
				t.Errorf("reason %q, hint %q", s.Reason, s.Hint)
			}
			if sfu.joined > 3 {
				t.Errorf("%d sessions in ten minutes: they take turns", sfu.joined)
			}
			joined := sfu.joined
			boxes[winner]()
			after(35 * time.Second)
			wantState(t, loser, Live)
			if sfu.joined != joined+1 {
				t.Errorf("%d sessions for taking over, want 1", sfu.joined-joined)
			}
			boxes[loser]()
			for _, log := range []string{logA.String(), logB.String()} {
				if n := strings.Count(log, "standing by"); n > 2 {
					t.Errorf("told %d times:\n%s", n, log)
				}
			}
		})
	}
}

func TestStandbyStaysWhileTheRoomCannotBeAsked(t *testing.T) {
	sfu := &fakeSFU{}
	inRoom(t, videoOnly(), sfu, nil, func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(10 * time.Second)
		wantState(t, p, Live)
		sfu.somebodyElse()
		after(10 * time.Second)
		wantState(t, p, Standby)
		sfu.change(func() { sfu.deaf = errors.New("500"); sfu.sid = "" })
		after(5 * time.Minute)
		wantState(t, p, Standby)
		sfu.change(func() { sfu.deaf = nil })
		after(30 * time.Second)
		wantState(t, p, Live)
		if n := len(target.all()); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

// Somebody takes the place, and the session here does not notice.
func TestTakeoverIsSeenInTheRoom(t *testing.T) {
	sfu := &fakeSFU{}
	inRoom(t, videoOnly(), sfu, nil, func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(10 * time.Second)
		wantState(t, p, Live)
		sfu.change(func() { sfu.session = nil })
		sfu.somebodyElse()
		after(10 * time.Second)
		wantState(t, p, Standby)
		if n := target.all()[0].closed.Load(); n != 1 {
			t.Errorf("our session was closed %d times, want once", n)
		}
	})
}

// What an earlier run, or a lost session, has left in the room keeps nobody out.
func TestGhostsAreNoTakeover(t *testing.T) {
	sfu := &fakeSFU{sid: "PA_ghost"}
	inRoom(t, videoOnly(), sfu, nil, func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(5 * time.Second)
		wantState(t, p, Live)
		after(10 * time.Second)
		target.all()[0].lose(errors.New("ICE disconnected")) // the room goes on showing it
		after(5 * time.Second)
		wantState(t, p, Live)
		if n := len(target.all()); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}
