package publisher

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inRoom runs a publisher in virtual time whose target is one place at an SFU.
func inRoom(t *testing.T, cam *fakeCamera, sfu *fakeSFU, change func(*Config), body func(*testing.T, *Publisher, *sfuTarget)) string {
	t.Helper()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		target := sfu.target()
		p, stop := box(t, cam, sfu, target, &log, change)
		body(t, p, target)
		stop()
	})
	return log.String()
}

// box starts a publisher of its own for a place at an SFU.
func box(t *testing.T, cam *fakeCamera, sfu *fakeSFU, target *sfuTarget, log io.Writer, change func(*Config)) (*Publisher, func()) {
	t.Helper()
	room := sfu.room(2 * time.Second)
	cfg := Config{Name: "gate", Source: cam, Target: target, Room: room, Logger: slog.New(slog.NewTextHandler(log, nil))}
	if change != nil {
		change(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	return p, func() { cancel(); <-done; room.close() }
}

func TestLiveIsWhatTheRoomShows(t *testing.T) {
	sfu := &fakeSFU{shows: func(s *Sighting) { s.Active, s.Word = false, "joining" }}
	inRoom(t, videoOnly(), sfu, nil, func(t *testing.T, p *Publisher, _ *sfuTarget) {
		after(4 * time.Second)
		if s := wantState(t, p, Publishing); s.Reason != "" {
			t.Errorf("reason %q 4 s after the start, want none yet", s.Reason)
		}
		after(4 * time.Second)
		if s := wantState(t, p, Publishing); s.Reason != `connected, but the room does not show the camera: "gate" in room "site" has no transport yet (joining)` {
			t.Errorf("reason %q", s.Reason)
		}
		sfu.change(func() { sfu.shows = nil })
		after(2500 * time.Millisecond)
		wantState(t, p, Live)
	})
}

func TestSessionThatTheRoomDoesNotShowIsMadeAnew(t *testing.T) {
	sfu := &fakeSFU{shows: func(s *Sighting) { s.Video = false }}
	inRoom(t, videoOnly(), sfu, nil, func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(20 * time.Second)
		if n := len(target.all()); n != 1 {
			t.Fatalf("%d sessions after 20 s, want 1", n)
		}
		after(15 * time.Second)
		if n := len(target.all()); n != 2 {
			t.Fatalf("%d sessions after 35 s, want 2", n)
		}
		after(20*time.Minute - 35*time.Second)
		// 20, 40, 80, 160, 320 s, then 10 minutes each.
		if n := len(target.all()); n < 5 || n > 7 {
			t.Errorf("%d sessions in 20 minutes", n)
		}
		sfu.change(func() { sfu.shows = nil })
		after(5 * time.Second)
		wantState(t, p, Live)
	})
}

func TestRoomThatCannotBeAskedTakesNobodyDown(t *testing.T) {
	sfu := &fakeSFU{deaf: errors.New("ListParticipants: 500")}
	inRoom(t, videoOnly(), sfu, nil, func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(6 * time.Second)
		wantState(t, p, Live)
		sfu.change(func() { sfu.deaf = nil })
		after(10 * time.Second)
		wantState(t, p, Live)
		sfu.change(func() { sfu.deaf = errors.New("ListParticipants: 500"); sfu.sid = "" })
		after(10 * time.Minute)
		wantState(t, p, Live)
		// A lost session is made anew all the same.
		target.all()[0].lose(errors.New("ICE disconnected"))
		after(15 * time.Second)
		wantState(t, p, Live)
		if n := len(target.all()); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

// A frozen report clock: the far end gets nothing any more.
type deafSession struct{ *sfuSession }

func (s deafSession) Stats() TargetStats {
	st := s.sfuSession.Stats()
	if st.Reported.Sub(s.began) > 10*time.Second {
		st.Reported = s.began.Add(10 * time.Second)
	}
	return st
}

type deafTarget struct{ *sfuTarget }

func (t deafTarget) Publish(ctx context.Context, offers []Offer, k func()) (TargetSession, error) {
	s, err := t.sfuTarget.Publish(ctx, offers, k)
	if err != nil {
		return nil, err
	}
	return deafSession{s.(*sfuSession)}, nil
}

func TestReceiverReportsMustGoOn(t *testing.T) {
	sfu := &fakeSFU{}
	var target *sfuTarget
	inRoom(t, videoOnly(), sfu, func(c *Config) {
		target = c.Target.(*sfuTarget)
		c.Target = deafTarget{target}
		c.Room = nil
	}, func(t *testing.T, p *Publisher, _ *sfuTarget) {
		after(15 * time.Second)
		wantState(t, p, Live)
		after(10 * time.Second)
		if s := wantState(t, p, Publishing); s.Reason != "connected, but the server confirms nothing any more (no receiver report)" {
			t.Errorf("reason %q", s.Reason)
		}
		after(25 * time.Second)
		if n := len(target.all()); n != 2 {
			t.Errorf("%d sessions, want the useless one made anew", n)
		}
	})
}

func TestNoFramesIsNotLive(t *testing.T) {
	sfu, cam := &fakeSFU{}, videoOnly()
	log := inRoom(t, cam, sfu, nil, func(t *testing.T, p *Publisher, target *sfuTarget) {
		after(10 * time.Second)
		wantState(t, p, Live)
		cam.quiet.Store(true)
		after(3 * time.Second)
		if s := wantState(t, p, Stalled); s.Reason != "no frame leaves: the camera sends none" {
			t.Errorf("reason %q", s.Reason)
		}
		cam.quiet.Store(false)
		after(1500 * time.Millisecond)
		wantState(t, p, Live)
		if n := len(target.all()); n != 1 {
			t.Errorf("%d sessions, want the first one kept", n)
		}
	})
	if n := strings.Count(log, "not live"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
}

// A stalled camera's frozen picture leaves the room when hold has passed since its
// last frame, however long it took to find that it has stalled.
func TestHoldOfAStalledCameraBeginsAtItsLastFrame(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	bubble(t, cam, target, func(c *Config) { c.Hold = 12 * time.Second }, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		cam.quiet.Store(true)
		after(5 * time.Second)
		cam.fail(errors.New("connection refused"))
		cam.last().lose(silence{})
		after(6900 * time.Millisecond)
		if n := target.all()[0].closed.Load(); n != 0 {
			t.Error("the session was closed before hold had passed")
		}
		after(200 * time.Millisecond)
		if n := target.all()[0].closed.Load(); n != 1 {
			t.Error("the session was not closed after hold")
		}
	})
}
