package rtspsrc_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// play opens the source and plays all of its tracks.
func play(t *testing.T, src *rtspsrc.Source, s *sink) *rtspsrc.Session {
	t.Helper()
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := sess.Play(testContext(t), sess.Tracks(), s.handle); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sess.Close() })
	return sess
}

func TestPlay(t *testing.T) {
	for _, transport := range []rtspsrc.Transport{rtspsrc.TCP, rtspsrc.UDP} {
		t.Run(transport.String(), func(t *testing.T) {
			cam := startCamera(t, cameraOptions{udp: true})
			var blocked atomic.Int64
			src := newSource(t, rtspsrc.Config{
				URL: cam.URL(), Transport: transport, OnBlock: func() { blocked.Add(1) },
			})
			var got sink
			sess := play(t, src, &got)
			tracks := sess.Tracks()
			if len(tracks) != 2 || tracks[0].Codec != "H264" || tracks[1].Codec != "PCMU" || tracks[1].Channels != 1 {
				t.Fatalf("tracks: %+v", tracks)
			}
			if len(tracks[0].ParameterSets) != 2 || len(sess.Ignored()) != 0 {
				t.Errorf("parameter sets %x, ignored %v", tracks[0].ParameterSets, sess.Ignored())
			}
			waitFor(t, "packets", func() bool { return got.count("H264") > 60 && got.count("PCMU") > 40 })

			st := sess.Stats()
			if st.Protocol != transport.String() || st.BytesReceived < 50_000 || st.PacketsReceived < 100 || st.PacketsLost != 0 {
				t.Errorf("stats: %+v", st)
			}
			if err := sess.Close(); err != nil {
				t.Error(err)
			}
			n := got.count("H264")
			if !errors.Is(sess.Err(), rtspsrc.ErrClosed) {
				t.Errorf("Err() = %v", sess.Err())
			}
			if !cam.saw("TEARDOWN") {
				t.Error("no TEARDOWN")
			}
			if blocked.Load() == 0 {
				t.Error("OnBlock was not called")
			}
			got.mu.Lock()
			defer got.mu.Unlock()
			if len(got.packets["H264"]) != n {
				t.Error("packets after Close")
			}
			for i, p := range got.packets["H264"][1:] {
				if p.SequenceNumber != got.packets["H264"][i].SequenceNumber+1 {
					t.Fatalf("packet %d follows %d", p.SequenceNumber, got.packets["H264"][i].SequenceNumber)
				}
			}
			for _, d := range got.late {
				if d < 0 || d > time.Minute {
					t.Fatalf("a packet arrived %v ago", d)
				}
			}
		})
	}
}

func TestPlayOneTrackOnly(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	var got sink
	if err := sess.Play(testContext(t), sess.Tracks()[:1], got.handle); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "video", func() bool { return got.count("H264") > 10 })
	if got.count("PCMU") != 0 || len(cam.protocols()) != 1 {
		t.Errorf("%d audio packets, %d SETUPs", got.count("PCMU"), len(cam.protocols()))
	}
	if err := sess.Play(testContext(t), sess.Tracks(), got.handle); err == nil {
		t.Error("a second Play succeeded")
	}
}

func TestReopenAtOnce(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	for range 5 {
		var got sink
		sess := play(t, src, &got)
		waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
		sess.Close()
	}
	cam.mu.Lock()
	defer cam.mu.Unlock()
	if cam.maxOpen != 1 {
		t.Errorf("the camera had %d sessions at once", cam.maxOpen)
	}
}

func TestOnlyOneSession(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	var got sink
	sess := play(t, src, &got)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := src.Open(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second Open: %v", err)
	}
	sess.Close()
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	sess.Close()
}

func asError(t *testing.T, err error) *rtspsrc.Error {
	t.Helper()
	var e *rtspsrc.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a *rtspsrc.Error: %v", err)
	}
	if h := e.Hint(); h != "" && (unicode.IsUpper(rune(h[0])) || strings.HasSuffix(h, ".")) {
		t.Errorf("hint %q: a hint has neither a capital nor a full stop", h)
	}
	return e
}

func TestStall(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Stall: 300 * time.Millisecond})
	var got sink
	sess := play(t, src, &got)
	// A machine that stands still for so long is a camera that does.
	waitFor(t, "packets", func() bool { return got.count("H264") > 10 || sess.Err() != nil })
	cam.mute.Store(true)
	select {
	case <-sess.Done():
	case <-time.After(time.Minute):
		t.Fatal("the stall was not noticed")
	}
	if !errors.Is(sess.Err(), rtspsrc.ErrStalled) || asError(t, sess.Err()).Hint() == "" {
		t.Errorf("Err() = %v", sess.Err())
	}
	if !cam.saw("TEARDOWN") {
		t.Error("no TEARDOWN")
	}
}

func TestCameraGoesAway(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	var got sink
	sess := play(t, src, &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	cam.Stop()
	select {
	case <-sess.Done():
	case <-time.After(time.Minute):
		t.Fatal("the end was not noticed")
	}
	e := asError(t, sess.Err())
	if e.Op != "receive" || e.Slow() || !strings.Contains(e.Error(), "closed the connection") {
		t.Errorf("%v", e)
	}
	_, err := src.Open(testContext(t))
	if e := asError(t, err); e.Op != "dial" || e.Slow() || !strings.Contains(e.Hint(), "nothing listens") {
		t.Errorf("%v (hint %q)", e, e.Hint())
	}
}

func TestCancel(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	src := newSource(t, rtspsrc.Config{URL: "rtsp://" + ln.Addr().String() + "/"})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 1)
		_, _ = c.Read(buf) // OPTIONS is on its way, its answer never comes
		cancel()
		_, _ = c.Read(make([]byte, 4096))
		c.Close()
	}()
	begin := time.Now()
	_, err = src.Open(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("Open returned after %v", d)
	}
}
