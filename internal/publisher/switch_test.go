package publisher

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// apart sees to it that two streams of a camera are never open at once.
type apart struct {
	*fakeCamera
	other *fakeCamera
	t     *testing.T
}

func (a apart) Open(ctx context.Context) (SourceSession, error) {
	if s := a.other.last(); s != nil && s.closed.Load() == 0 {
		a.t.Error("both streams are open at once")
	}
	return a.fakeCamera.Open(ctx)
}

func withSub(t *testing.T, main, sub *fakeCamera) func(*Config) {
	return func(c *Config) {
		c.Source = apart{main, sub, t}
		c.Sub = apart{sub, main, t}
	}
}

// narrowFor is a way that loses a fifth of what the camera sends while it plays.
func narrowFor(cam *fakeCamera) func() float64 {
	return func() float64 {
		if s := cam.last(); s != nil && s.closed.Load() == 0 {
			return 0.2
		}
		return 0
	}
}

func TestNarrowPathPlaysTheSubStream(t *testing.T) {
	main, sub, target := videoOnly(), videoOnly(), &fakeTarget{}
	target.lost = narrowFor(main)
	log := bubble(t, main, target, withSub(t, main, sub), func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		if s := wantState(t, p, Live); s.Stream != Main || s.StreamNote != "" {
			t.Errorf("at first %s (%s)", s.Stream, s.StreamNote)
		}
		after(7 * time.Second)
		s := wantState(t, p, Live)
		if s.Stream != Sub || !strings.Contains(s.StreamNote, "20 %") || s.StreamChanges != 1 || s.CameraFailures != 0 {
			t.Errorf("then %+v", s)
		}
		after(4 * time.Minute)
		if s := p.Status(); s.Stream != Sub || s.StreamChanges != 1 {
			t.Errorf("after minutes %s, %d changes", s.Stream, s.StreamChanges)
		}
		// The same profile and tracks: the participant stays.
		if n := len(target.all()); n != 1 {
			t.Errorf("%d sessions", n)
		}
		checkLine(t, target.all()[0].packets(0))
		after(time.Hour)
		if s := wantState(t, p, Live); s.StreamChanges > 9 {
			t.Errorf("%d changes within an hour", s.StreamChanges)
		}
		after(5 * time.Minute)
		checkLine(t, target.all()[0].packets(0))
	})
	if !strings.Contains(log, "stream=sub") || !strings.Contains(log, "the main stream is tried again") {
		t.Error(log)
	}
}

func TestUnfitMainPlaysTheSubStreamAtOnce(t *testing.T) {
	bframes := playing(t, "360p-bframes")
	hevc := videoOnly()
	hevc.openErr = notH264{}
	other := videoOnly()
	other.tracks[0].Codec = CodecH265
	for _, tt := range []struct {
		name string
		main *fakeCamera
		why  string
	}{
		{"B-frames", bframes, "B-frames"},
		{"refused by the source", hevc, "not H.264"},
		{"no such track", other, "no H.264 video"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sub, target := videoOnly(), &fakeTarget{}
			bubble(t, tt.main, target, withSub(t, tt.main, sub), func(t *testing.T, p *Publisher) {
				after(2 * time.Second)
				s := wantState(t, p, Live)
				if s.Stream != Sub || !strings.Contains(s.StreamNote, tt.why) || s.Reason != "" {
					t.Errorf("%s: %s (%s)", s.Stream, s.StreamNote, s.Reason)
				}
				if n := len(target.all()); n != 1 {
					t.Errorf("%d sessions", n)
				}
				after(time.Hour)
				if n := tt.main.opens.Load(); n != 1 {
					t.Errorf("the main stream was opened %d times while the other played", n)
				}
			})
		})
	}
}

// B-frames that come in mid-session take the main stream away, not the participant.
func TestBFramesThatComeLaterWithASubStream(t *testing.T) {
	plain, b := playing(t, "360p-main"), playing(t, "360p-bframes")
	main, sub, target := playing(t, "360p-main"), playing(t, "360p-main"), &fakeTarget{}
	main.plays = func(n int) ([][]byte, int) {
		if n < 250 {
			return plain.plays(n)
		}
		return b.plays(n - 250)
	}
	bubble(t, main, target, withSub(t, main, sub), func(t *testing.T, p *Publisher) {
		after(15 * time.Second)
		s := wantState(t, p, Live)
		if s.Stream != Sub || !strings.Contains(s.StreamNote, "B-frames") || len(target.all()) != 1 {
			t.Errorf("%s (%s), %d sessions", s.Stream, s.StreamNote, len(target.all()))
		}
		checkLine(t, target.all()[0].packets(0))
	})
}

func TestSubStreamThatCannotBeOpened(t *testing.T) {
	main, sub, target := videoOnly(), videoOnly(), &fakeTarget{}
	sub.openErr = wrongPassword{}
	target.lost = narrowFor(main)
	bubble(t, main, target, withSub(t, main, sub), func(t *testing.T, p *Publisher) {
		after(time.Minute)
		s := wantState(t, p, Live)
		if s.Stream != Main || !strings.Contains(s.StreamNote, "cannot be used") || sub.opens.Load() != 1 {
			t.Errorf("%s (%s), %d tries", s.Stream, s.StreamNote, sub.opens.Load())
		}
		if n := len(target.all()); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

// Without a sub stream a narrow way changes nothing.
func TestNarrowPathWithoutSubStream(t *testing.T) {
	main, target := videoOnly(), &fakeTarget{}
	target.lost = func() float64 { return 0.5 }
	bubble(t, main, target, nil, func(t *testing.T, p *Publisher) {
		after(time.Minute)
		if s := wantState(t, p, Live); s.Stream != Main || main.opens.Load() != 1 {
			t.Errorf("%s, opened %d times", s.Stream, main.opens.Load())
		}
	})
}

// A camera that is away stays away whichever stream is tried, and is back in time.
func TestBothStreamsAway(t *testing.T) {
	main, sub, target := videoOnly(), videoOnly(), &fakeTarget{}
	main.openErr, sub.openErr = notH264{}, errors.New("connection refused")
	bubble(t, main, target, withSub(t, main, sub), func(t *testing.T, p *Publisher) {
		after(2 * time.Minute)
		wantState(t, p, Reconnecting)
		if n := main.opens.Load() + sub.opens.Load(); n > 150 {
			t.Errorf("%d tries in two minutes", n)
		}
		sub.fail(nil)
		after(time.Minute)
		if s := wantState(t, p, Live); s.Stream != Sub {
			t.Errorf("%s plays", s.Stream)
		}
	})
}

// notH264 is an error as an adapter makes them of a camera with another codec.
type notH264 struct{}

func (notH264) Error() string { return "the video is not H.264 but H265" }
func (notH264) Slow() bool    { return true }
func (notH264) Unfit() bool   { return true }

// What the server allows is a way that is too narrow, without anything being lost.
func TestMoreThanTheServerAllows(t *testing.T) {
	main, sub := videoOnly(), videoOnly()
	slim := &fakeCameraSession{camera: &fakeCamera{inBand: true, gop: 50}}
	sub.plays = func(n int) ([][]byte, int) { // every fifth picture
		if n%5 > 0 {
			return nil, 0
		}
		var seq uint16
		var au [][]byte
		for _, p := range slim.packets(Track{Kind: Video}, n/5, &seq) {
			au = append(au, p.Payload)
		}
		return au, 0
	}
	target := &fakeTarget{allowed: 800}
	bubble(t, main, target, withSub(t, main, sub), func(t *testing.T, p *Publisher) {
		after(time.Minute)
		s := wantState(t, p, Live)
		if s.Stream != Sub || !strings.Contains(s.StreamNote, "the server allows") || s.Reason != "" || s.StreamChanges != 1 {
			t.Errorf("%s (%s), %d changes, reason %q", s.Stream, s.StreamNote, s.StreamChanges, s.Reason)
		}
	})
}
