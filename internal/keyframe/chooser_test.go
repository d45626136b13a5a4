package keyframe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each way is found if it is the only one that the camera honours, and from then on
// a viewer waits no longer than the camera takes.
func TestFindsTheWay(t *testing.T) {
	for _, way := range order {
		t.Run(string(way), func(t *testing.T) {
			b := newBench(t, 12*time.Second, map[Way]time.Duration{way: 120 * time.Millisecond})
			b.next = b.now.Add(11 * time.Second)
			if took := b.wait(); took > longGOP+time.Duration(len(order))*(patience+50*time.Millisecond) {
				t.Errorf("the first key frame took %v", took)
			}
			b.run(20 * time.Second)
			b.wait() // what a PLI at the very start has done proves nothing
			if s := b.Status(b.now); s.Way != way || s.Delay < 100*time.Millisecond || s.Delay > 200*time.Millisecond || s.Problem != "" {
				t.Errorf("status %+v", s)
			}
			before := len(b.asked)
			for range 5 {
				b.run(4 * time.Second)
				if took := b.wait(); took > 200*time.Millisecond {
					t.Errorf("a viewer waited %v", took)
				}
			}
			for _, w := range b.asked[before:] {
				if w != way {
					t.Errorf("asked by %s again, though %s works", w, way)
				}
			}
		})
	}
}

// What comes when a trial is under way may come by chance, and is not credited for
// long.
func TestChanceIsFoundOut(t *testing.T) {
	for _, offset := range []time.Duration{300, 2500, 3000, 3500, 4000, 4500, 5000, 5500, 6000} {
		b := newBench(t, 12*time.Second, map[Way]time.Duration{ONVIF: 100 * time.Millisecond})
		b.next = b.now.Add(offset * time.Millisecond)
		for range 4 {
			b.wait()
			b.run(7 * time.Second)
		}
		if s := b.Status(b.now); s.Way != ONVIF {
			t.Errorf("natural key frame after %d ms: %+v", offset, s)
		}
	}
}

// A short GOP costs the camera nothing but a PLI or FIR.
func TestShortGOP(t *testing.T) {
	b := newBench(t, 2*time.Second, nil)
	for range 20 {
		if took := b.wait(); took > 2100*time.Millisecond {
			t.Errorf("a key frame took %v", took)
		}
		b.run(300 * time.Millisecond)
	}
	for _, w := range b.asked {
		if !w.free() {
			t.Errorf("asked by %s", w)
		}
	}
	if !slices.Contains(b.asked, PLI) || !slices.Contains(b.asked, FIR) {
		t.Errorf("asked by %v only", b.asked)
	}
	if s := b.Status(b.now); s.Way != "" || s.Problem != "" {
		t.Errorf("status %+v", s)
	}
}

// Where nothing works each way but the free ones is tried once, and the sentence
// says what to set.
func TestNothingWorks(t *testing.T) {
	b := newBench(t, 12*time.Second, nil)
	for range 30 {
		b.Want(b.now)
		b.run(3 * time.Second)
	}
	count := map[Way]int{}
	for _, w := range b.asked {
		count[w]++
	}
	for _, w := range order {
		if n := count[w]; n == 0 || n > 1 && !w.free() {
			t.Errorf("asked by %s %d times", w, n)
		}
	}
	s := b.Status(b.now)
	if !strings.Contains(s.Problem, "every 12 seconds") || !strings.Contains(s.Problem, "(GOP) to 1 to 2 seconds") || s.GOP != 12*time.Second {
		t.Errorf("status %+v", s)
	}
}

// A pause of the camera, or key frames lost on the way, are no reason to tell anybody
// to change a setting; key frames that stay far apart are.
func TestOneLongIntervalIsNoProblem(t *testing.T) {
	b := newBench(t, 12*time.Second, nil)
	for range 30 {
		b.Want(b.now)
		b.run(3 * time.Second)
	}
	at := b.now // in the middle of an interval
	for range 3 {
		b.Arrived(at)
		at = at.Add(12 * time.Second)
	}
	b.Arrived(at)
	for _, step := range []struct {
		after   time.Duration
		problem string
	}{
		{12 * time.Second, "every 12 seconds"}, {2 * time.Second, ""}, {2 * time.Second, ""}, {2 * time.Second, ""},
		{10 * time.Second, ""}, {2 * time.Second, ""}, {4 * time.Second, ""}, {9 * time.Second, ""}, {6 * time.Second, "every 4 seconds"},
	} {
		at = at.Add(step.after)
		b.Arrived(at)
		if got := b.Status(at).Problem; !strings.Contains(got, step.problem) || (got == "") != (step.problem == "") {
			t.Errorf("after %s: %q, want %q", step.after, got, step.problem)
		}
	}
}

// One wish is enough to look for a way, however soon it is fulfilled by chance.
func TestLooksBeforeTheNextViewer(t *testing.T) {
	b := newBench(t, 12*time.Second, map[Way]time.Duration{ISAPI: 100 * time.Millisecond})
	b.next = b.now.Add(500 * time.Millisecond)
	b.wait()
	b.run(30 * time.Second)
	if s := b.Status(b.now); s.Way != ISAPI {
		t.Errorf("status %+v", s)
	}
	asked := len(b.asked)
	b.run(time.Minute)
	if len(b.asked) != asked {
		t.Errorf("asked by %v", b.asked)
	}
}

// A way that was ignored once gets another chance an hour later, one that the camera
// does not know never, and one that has worked before a minute later.
func TestSecondChances(t *testing.T) {
	b := newBench(t, 12*time.Second, map[Way]time.Duration{}, ISAPI, ONVIF)
	b.errs[ISAPI] = fmt.Errorf("404: %w", ErrUnsupported)
	for range 90 {
		b.Want(b.now)
		b.run(time.Minute)
	}
	if !slices.Equal(b.asked, []Way{ISAPI, ONVIF, ONVIF}) {
		t.Errorf("asked by %v in 90 minutes", b.asked)
	}
	b.obeys[ONVIF] = 100 * time.Millisecond
	for range 60 {
		b.Want(b.now)
		b.run(time.Minute)
	}
	if s := b.Status(b.now); s.Way != ONVIF {
		t.Fatalf("status %+v", s)
	}
	delete(b.obeys, ONVIF) // the network is down for a while
	for range 4 {
		b.Want(b.now)
		b.run(5 * time.Second)
	}
	if s := b.Status(b.now); s.Way != "" {
		t.Fatalf("status %+v", s)
	}
	b.obeys[ONVIF] = 100 * time.Millisecond
	for range 3 {
		b.Want(b.now)
		b.run(time.Minute)
	}
	if s := b.Status(b.now); s.Way != ONVIF {
		t.Errorf("status %+v", s)
	}
}

// Without a wish nobody is asked.
func TestNobodyWants(t *testing.T) {
	b := newBench(t, 12*time.Second, nil)
	b.run(time.Minute)
	if len(b.asked) > 0 {
		t.Errorf("asked by %v", b.asked)
	}
}

// A way that refuses the account is never asked again, and after the second one no
// way is that needs the account.
func TestRefusals(t *testing.T) {
	b := newBench(t, 12*time.Second, map[Way]time.Duration{Session: 100 * time.Millisecond})
	for _, w := range order {
		if w.private() {
			b.errs[w] = fmt.Errorf("ask: %w", ErrRefused)
		}
	}
	for range 20 {
		b.Want(b.now)
		b.run(5 * time.Second)
	}
	var refused []Way
	for _, w := range b.asked {
		if w.private() {
			refused = append(refused, w)
		}
	}
	if !slices.Equal(refused, []Way{ISAPI, SUNAPI}) {
		t.Errorf("asked by %v", refused)
	}
	if s := b.Status(b.now); !strings.Contains(s.Problem, "the right to use") {
		t.Errorf("status %+v", s)
	}
}

// What could not be reached is tried again, in ever longer pauses.
func TestUnreachable(t *testing.T) {
	b := newBench(t, 12*time.Second, map[Way]time.Duration{}, ONVIF)
	b.errs[ONVIF] = errPassing
	for range 20 {
		b.Want(b.now)
		b.run(30 * time.Second)
	}
	if n := len(b.asked); n < 3 || n > 5 {
		t.Errorf("asked %d times in 10 minutes", n)
	}
	b.errs[ONVIF], b.obeys[ONVIF] = nil, 100*time.Millisecond
	for range 40 {
		b.Want(b.now)
		b.run(time.Minute)
	}
	if s := b.Status(b.now); s.Way != ONVIF {
		t.Errorf("status %+v", s)
	}
}

// A way that stops working gives way to another.
func TestWinnerFails(t *testing.T) {
	b := newBench(t, 12*time.Second, map[Way]time.Duration{PLI: 50 * time.Millisecond, ONVIF: 200 * time.Millisecond})
	for range 3 {
		b.wait()
		b.run(5 * time.Second)
	}
	if s := b.Status(b.now); s.Way != PLI {
		t.Fatalf("status %+v", s)
	}
	delete(b.obeys, PLI)
	for range 4 {
		b.Want(b.now)
		b.run(7 * time.Second)
	}
	if s := b.Status(b.now); s.Way != ONVIF {
		t.Errorf("status %+v", s)
	}
}

// What was learnt stays for the camera's next session; a second session that was
// being opened when the first one ended is never opened again.
func TestSessions(t *testing.T) {
	b := newBench(t, 12*time.Second, map[Way]time.Duration{ISAPI: 100 * time.Millisecond})
	b.wait()
	b.run(5 * time.Second)
	b.End()
	b.Begin(b.now)
	b.asked = nil
	if took := b.wait(); took > 200*time.Millisecond || !slices.Equal(b.asked, []Way{ISAPI}) {
		t.Errorf("took %v, asked by %v", took, b.asked)
	}

	b = newBench(t, 12*time.Second, nil, Session)
	b.next = b.now.Add(time.Hour)
	b.answers = time.Second
	b.Want(b.now)
	b.run(2500 * time.Millisecond)
	b.End()
	b.Begin(b.now)
	b.Want(b.now)
	b.run(time.Minute)
	if !slices.Equal(b.asked, []Way{Session}) {
		t.Errorf("asked by %v", b.asked)
	}
}

// Sessions are not opened all the time, whatever viewers do.
func TestSessionsAreFew(t *testing.T) {
	b := newBench(t, 12*time.Second, map[Way]time.Duration{Session: 100 * time.Millisecond}, Session)
	b.wait()
	b.run(5 * time.Second)
	before := len(b.asked)
	for range 30 {
		b.Want(b.now)
		b.run(time.Second)
	}
	if n := len(b.asked) - before; n > 11 {
		t.Errorf("%d sessions in 30 s", n)
	}
}

// A way that a person has chosen is asked whether or not it has ever worked, once
// for each wish.
func TestFixed(t *testing.T) {
	b := newBench(t, 12*time.Second, nil)
	b.Chooser = NewChooser([]Way{ONVIF}, true)
	b.Begin(b.now)
	for range 20 {
		b.Want(b.now)
		b.run(3 * time.Second)
	}
	if n := len(b.asked); n < 10 || n > 20 {
		t.Errorf("asked %d times for 20 wishes", n)
	}
	b.obeys = map[Way]time.Duration{ONVIF: 100 * time.Millisecond}
	b.run(4 * time.Second)
	for range 3 {
		b.Want(b.now)
		b.run(4 * time.Second)
	}
	if s := b.Status(b.now); s.Way != ONVIF {
		t.Errorf("status %+v", s)
	}
}

// Off means off.
func TestOff(t *testing.T) {
	b := newBench(t, 12*time.Second, nil)
	b.Chooser = NewChooser(nil, true)
	b.Begin(b.now)
	for range 5 {
		b.Want(b.now)
		b.run(5 * time.Second)
	}
	if len(b.asked) > 0 || b.Status(b.now).Problem != "" {
		t.Errorf("asked by %v, %+v", b.asked, b.Status(b.now))
	}
}
