package publisher

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func onDemand(cold bool) func(*Config) {
	return func(c *Config) { c.OnDemand, c.Cold, c.Linger = true, cold, 20*time.Second }
}

func TestDemand(t *testing.T) {
	t0 := time.Unix(1000, 0)
	at := func(s int, viewers int) Sighting {
		return Sighting{Began: t0.Add(time.Duration(s) * time.Second), Viewers: viewers}
	}
	d := demand{linger: 20 * time.Second}
	for i, step := range []struct {
		s    Sighting
		want bool
	}{
		{Sighting{}, false},
		{at(0, 0), false},
		{at(2, 1), true},
		{at(10, 1), true},
		{at(12, 0), true},
		{at(28, 0), true},
		{at(29, 1), true}, // somebody came back
		{at(48, 0), true},
		{Sighting{Began: t0.Add(48 * time.Second), Err: errors.New("x")}, true},
		{at(49, 0), false},
		{at(90, 0), false},
		{at(92, 2), true},
	} {
		if d.see(step.s); d.wanted != step.want {
			t.Errorf("step %d: %v, want %v", i, d.wanted, step.want)
		}
	}
}

func TestOnDemandPublishesWhileSomebodyWatches(t *testing.T) {
	for _, cold := range []bool{false, true} {
		sfu, cam := &fakeSFU{}, videoOnly()
		cam.gop = 250 // 10 s
		log := inRoom(t, cam, sfu, onDemand(cold), func(t *testing.T, p *Publisher, target *sfuTarget) {
			after(25 * time.Second)
			s := wantState(t, p, Waiting)
			if s.Reason != "" || !s.Tried || !s.State.Healthy() || target.tries.Load() != 0 {
				t.Errorf("reason %q, tried %v, %d attempts to publish", s.Reason, s.Tried, target.tries.Load())
			}
			if n := cam.opens.Load(); cold && n != 0 || !cold && n != 1 {
				t.Errorf("cold %v: the camera was opened %d times while nobody watched", cold, n)
			}
			sfu.change(func() { sfu.viewers = 1 })
			came := time.Now()
			for len(target.all()) == 0 || len(target.all()[0].packets(0)) == 0 {
				after(10 * time.Millisecond)
				if time.Since(came) > 5*time.Second {
					t.Fatalf("cold %v: no picture", cold)
				}
			}
			// The room is looked into every 2 s.
			if took := time.Since(came); !cold && took > 2500*time.Millisecond {
				t.Errorf("the first picture came %s after the viewer", took)
			}
			if first := target.all()[0].packets(0)[0].first; first&0x1f != 24 {
				t.Errorf("it begins with NAL unit type %d, want parameter sets", first&0x1f)
			}
			after(time.Minute)
			if s := wantState(t, p, Live); s.Viewers != 1 {
				t.Errorf("%d viewers", s.Viewers)
			}

			sfu.change(func() { sfu.viewers = 0 })
			after(19 * time.Second)
			wantState(t, p, Live)
			after(4 * time.Second)
			wantState(t, p, Waiting)
			if n := target.all()[0].closed.Load(); n != 1 {
				t.Errorf("the session was closed %d times", n)
			}
			if n := cam.last().closed.Load(); cold && n != 1 || !cold && n != 0 {
				t.Errorf("cold %v: the camera was closed %d times", cold, n)
			}
			sfu.change(func() { sfu.viewers = 3 })
			after(5 * time.Second)
			wantState(t, p, Live)
			if n := len(target.all()); n != 2 || p.Status().CameraFailures != 0 || p.Status().TargetFailures != 0 {
				t.Errorf("%d sessions, status %+v", n, p.Status())
			}
		})
		if strings.Contains(log, "WARN") {
			t.Errorf("cold %v: warnings about what is as it should be:\n%s", cold, log)
		}
	}
}

func TestOnDemandWithoutAnAnswer(t *testing.T) {
	sfu, cam := &fakeSFU{deaf: errors.New("ListParticipants: 500")}, videoOnly()
	inRoom(t, cam, sfu, onDemand(false), func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(20 * time.Second)
		wantState(t, p, Waiting)
		after(20 * time.Second)
		s := wantState(t, p, Reconnecting)
		if s.Reason != "nobody would be seen who wants to watch: ListParticipants: 500" {
			t.Errorf("reason %q", s.Reason)
		}
		sfu.change(func() { sfu.deaf = nil; sfu.viewers = 1 })
		after(5 * time.Second)
		wantState(t, p, Live)
		// While it is published nothing but an answer ends it.
		sfu.change(func() { sfu.deaf = errors.New("500") })
		after(10 * time.Minute)
		wantState(t, p, Live)
		if n := len(target.all()); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
	})
}

// An SFU keeps no pictures: when it asks for a key frame soon after connecting, the
// viewer gets those since the last one, although the camera sends none when asked.
func TestOnDemandSendsItsPicturesOnceMore(t *testing.T) {
	sfu, cam := &fakeSFU{}, videoOnly()
	cam.gop, cam.deaf = 250, true
	inRoom(t, cam, sfu, onDemand(false), func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(12500 * time.Millisecond) // in the middle of the second group of pictures
		sfu.change(func() { sfu.viewers = 1 })
		after(4 * time.Second)
		wantState(t, p, Live)
		session := target.all()[0]
		keys := func() (n int) {
			for _, p := range session.packets(0) {
				if p.first&0x1f == 24 {
					n++
				}
			}
			return n
		}
		if n := keys(); n != 1 {
			t.Fatalf("%d key frames before one was asked for, want that of the replay", n)
		}
		for range 4 { // it asks until it gets one
			session.onKeyFrame()
			after(100 * time.Millisecond)
		}
		if n := keys(); n != 2 {
			t.Errorf("%d key frames 0.4 s after one was asked for, want 2", n)
		}
		after(20 * time.Second)
		before := keys()
		session.onKeyFrame()
		after(200 * time.Millisecond)
		if n := keys(); n != before {
			t.Errorf("%d key frames, then %d: an encore for a session of 20 s", before, n)
		}
		checkLine(t, session.packets(0))
	})
}
