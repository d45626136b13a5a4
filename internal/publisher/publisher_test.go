package publisher

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a publisher in virtual time and ends it before the test returns.
func bubble(t *testing.T, cam *fakeCamera, target *fakeTarget, change func(*Config), body func(*testing.T, *Publisher)) string {
	t.Helper()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Name: "gate", Source: cam, Target: target, Audio: true,
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
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
		body(t, p)
		cancel()
		<-done
		if s := p.Status().State; s != Idle {
			t.Errorf("state after the end: %s", s)
		}
		for i, s := range target.all() {
			if n := s.closed.Load(); n != 1 {
				t.Errorf("session %d was closed %d times, want once", i, n)
			}
		}
		for i, s := range cam.sessions {
			if n := s.closed.Load(); n != 1 {
				t.Errorf("camera session %d was closed %d times, want once", i, n)
			}
		}
	})
	return log.String()
}

// after lets virtual time pass and everything settle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantState(t *testing.T, p *Publisher, want State) Status {
	t.Helper()
	s := p.Status()
	if s.State != want {
		t.Fatalf("state %s (%s), want %s", s.State, s.Reason, want)
	}
	return s
}

func TestGoodStart(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	log := bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(10 * time.Second)
		s := wantState(t, p, Live)
		if s.Width != 640 || s.Height != 360 || s.Codec != CodecH264 || s.ProfileLevelID != "42c01e" {
			t.Errorf("picture: %+v", s)
		}
		if s.FPS < 24 || s.FPS > 26 || s.Bitrate <= 0 || s.Packets == 0 || s.LastFrame.IsZero() {
			t.Errorf("rates: %.1f fps, %.0f b/s, %d packets", s.FPS, s.Bitrate, s.Packets)
		}
		if len(target.offers) != 1 || len(target.offers[0]) != 1 || target.offers[0][0].ProfileLevelID != "42c01e" {
			t.Errorf("offers: %+v", target.offers)
		}
		if n := cam.last().keyFrames.Load(); n < 2 {
			t.Errorf("%d key frame requests after connecting, want one at once and one a second later", n)
		}
		checkLine(t, target.all()[0].packets(0))
	})
	for _, want := range []string{"state=opening", "state=probing", "state=publishing", "state=live", "camera=gate"} {
		if !strings.Contains(log, want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
	if n := strings.Count(log, "\n"); n > 12 {
		t.Errorf("%d lines of log for a good start:\n%s", n, log)
	}
}

// checkLine asserts what every session must hold: sequence numbers without a
// gap, timestamps that never step back.
func checkLine(t *testing.T, sent []sentPacket) {
	t.Helper()
	if len(sent) == 0 {
		t.Fatal("nothing was sent")
	}
	for i := 1; i < len(sent); i++ {
		a, b := sent[i-1].header, sent[i].header
		if b.SequenceNumber != a.SequenceNumber+1 {
			t.Fatalf("packet %d: sequence number %d after %d", i, b.SequenceNumber, a.SequenceNumber)
		}
		if int32(b.Timestamp-a.Timestamp) < 0 {
			t.Fatalf("packet %d: timestamp %d after %d", i, b.Timestamp, a.Timestamp)
		}
	}
}

func TestFirstPicturesAreThoseSinceTheLastKeyFrame(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{err: errors.New("not yet")}
	cam.gop = 1 << 30 // one key frame at the start, then none unless asked for
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(8 * time.Second)
		target.fail(nil)
		after(6 * time.Second)
		wantState(t, p, Live)
		sent := target.all()[0].packets(0)
		if sent[0].first&0x1f != 24 {
			t.Fatalf("the first packet has NAL unit type %d, want a STAP-A with the parameter sets", sent[0].first&0x1f)
		}
		checkLine(t, sent)
		// The replayed pictures are old; squeezed, they span far less than
		// the seconds they were taken in.
		begin := sent[0].at
		var last sentPacket
		for _, s := range sent {
			if s.at.Sub(begin) > 200*time.Millisecond {
				break
			}
			last = s
		}
		if span := last.header.Timestamp - sent[0].header.Timestamp; span > 90000*2 {
			t.Errorf("the first 200 ms of packets span %d ticks", span)
		}
	})
}

func TestCameraComesBackWithinHold(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		wantState(t, p, Live)
		cam.fail(errors.New("connection refused"))
		cam.last().lose(errors.New("EOF"))
		after(5 * time.Second)
		s := wantState(t, p, Reconnecting)
		if s.Reason != "connection refused" || s.SessionSince.IsZero() {
			t.Errorf("reason %q, session since %v", s.Reason, s.SessionSince)
		}
		cam.fail(nil)
		after(8 * time.Second)
		wantState(t, p, Live)
		if n := len(target.all()); n != 1 {
			t.Errorf("%d sessions, want the first one kept", n)
		}
		checkLine(t, target.all()[0].packets(0))
	})
}

func TestCameraAwayForLongerThanHoldEndsTheSession(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	bubble(t, cam, target, func(c *Config) { c.Hold = 7 * time.Second }, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		cam.fail(errors.New("connection refused"))
		cam.last().lose(errors.New("EOF"))
		after(6900 * time.Millisecond)
		if n := target.all()[0].closed.Load(); n != 0 {
			t.Error("the session was closed before hold had passed")
		}
		after(200 * time.Millisecond)
		if n := target.all()[0].closed.Load(); n != 1 {
			t.Error("the session was not closed after hold")
		}
		after(10 * time.Minute)
		s := wantState(t, p, Reconnecting)
		if !s.SessionSince.IsZero() || target.tries.Load() != 1 {
			t.Errorf("%d attempts to publish a camera that is away", target.tries.Load())
		}
		cam.fail(nil)
		after(8 * time.Second)
		wantState(t, p, Live)
		if n := len(target.all()); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

func TestSessionLostIsRebuiltWithoutTheCamera(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	log := bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		target.fail(errors.New("POST: connection refused"))
		target.all()[0].lose(errors.New("ICE disconnected"))
		after(30 * time.Second)
		if s := wantState(t, p, Reconnecting); s.Reason != "POST: connection refused" {
			t.Errorf("reason %q", s.Reason)
		}
		target.fail(nil)
		after(6 * time.Second)
		wantState(t, p, Live)
		if n := cam.opens.Load(); n != 1 {
			t.Errorf("the camera was opened %d times, want once", n)
		}
		s := p.Status()
		if s.Nacked != 4 || s.PLIs != 2 {
			t.Errorf("totals over both sessions: %d nacked, %d PLIs; want 4, 2", s.Nacked, s.PLIs)
		}
		if want := (PacingStats{Rate: 7e6, Delayed: 20, Hastened: 6, Discarded: 2}); s.Retransmitted != 4 || s.Restarts != 2 || s.Pacing != want {
			t.Errorf("totals over both sessions: %d retransmitted, %d restarts, %+v", s.Retransmitted, s.Restarts, s.Pacing)
		}
	})
	if n := strings.Count(log, "target failed"); n != 2 {
		t.Errorf("%d lines about the failing target, want 2 (lost, refused):\n%s", n, log)
	}
	if !strings.Contains(log, "target is back") {
		t.Error("nothing says that the target is back")
	}
}

func TestWrongPasswordIsTriedRarely(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	cam.openErr = wrongPassword{}
	log := bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(10 * time.Minute)
		s := wantState(t, p, Reconnecting)
		if s.Hint != "check user name and password" {
			t.Errorf("hint %q", s.Hint)
		}
		if n := cam.opens.Load(); n < 4 || n > 15 {
			t.Errorf("%d attempts in ten minutes", n)
		}
	})
	if n := strings.Count(log, "camera failed"); n > 3 {
		t.Errorf("the same failure told %d times in ten minutes:\n%s", n, log)
	}
}

func TestUnreachableCameraIsNeverAHotLoop(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	cam.openErr = errors.New("connection refused")
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(10 * time.Minute)
		if n := cam.opens.Load(); n < 100 || n > 600 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		if !p.Status().Tried {
			t.Error("a camera that failed counts as tried")
		}
	})
}

func TestStall(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		cam.silent[0] = true
		cam.last().lose(silence{})
		after(3 * time.Second)
		if s := wantState(t, p, Stalled); s.Reason != "no frame for 5s" {
			t.Errorf("reason %q", s.Reason)
		}
	})
}

func TestPanicOnThePacketPathEndsOneSessionOnly(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	cam.panics = true
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		// Between two failures the camera flows for a moment, without a reason.
		told := false
		for range 300 {
			after(10 * time.Millisecond)
			told = told || strings.Contains(p.Status().Reason, "internal fault")
		}
		if !told || cam.opens.Load() < 2 {
			t.Errorf("told: %v; the camera was opened %d times", told, cam.opens.Load())
		}
	})
}

func TestKeyFrameRequestsAreCoalesced(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		before := cam.last().keyFrames.Load()
		for range 100 {
			target.all()[0].onKeyFrame()
			after(50 * time.Millisecond)
		}
		if n := cam.last().keyFrames.Load() - before; n < 4 || n > 6 {
			t.Errorf("%d requests reached the camera in 5 s of one every 50 ms, want about one a second", n)
		}
	})
}

func TestNewRefusesHalfAConfig(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Name: "a"},
		{Name: "a", Source: videoOnly()},
		{Name: "a", Source: videoOnly(), Target: &fakeTarget{}, Hold: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v) succeeded", cfg)
		}
	}
}

func TestLossAsksForAKeyFrameAtOnce(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	cam.gop = 1 << 30
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(10 * time.Second)
		before := cam.last().keyFrames.Load()
		damaged := p.Status().Lost
		cam.skip.Store(true)
		after(200 * time.Millisecond)
		if p.Status().Lost == damaged {
			t.Fatal("the loss was not counted")
		}
		if n := cam.last().keyFrames.Load() - before; n != 1 {
			t.Errorf("%d key frame requests within 200 ms of a loss, want 1", n)
		}
		after(time.Second)
		if s := p.Status(); s.State != Live || s.KeyFrames < 2 {
			t.Errorf("%s, %d key frames", s.State, s.KeyFrames)
		}
		checkLine(t, target.all()[0].packets(0))
	})
}

func TestDeadFarEndDoesNotDelayTheNextSession(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{closeTakes: 3 * time.Second}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		target.all()[0].lose(errors.New("ICE disconnected"))
		after(10 * time.Millisecond)
		// The pause before the next session is left to chance, and may be over.
		if s := p.Status(); len(target.all()) == 1 && (s.State == Live || s.State == Publishing) {
			t.Errorf("state %s (%s) right after the loss", s.State, s.Reason)
		}
		after(1500 * time.Millisecond)
		wantState(t, p, Live)
		if n := len(target.all()); n != 2 {
			t.Errorf("%d sessions 1.5 s after the loss, want 2", n)
		}
	})
}
