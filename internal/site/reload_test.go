package site

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// fileOf makes a checked Config of cameras that publish to server.
func fileOf(t *testing.T, server *whiptest.Server, cameras ...Camera) *Config {
	t.Helper()
	cfg := Default()
	for _, c := range cameras {
		c.WHIP = &WHIP{URL: server.URL() + "?camera=" + c.Name, Token: secret.New("an.example-token")}
		cfg.Cameras = append(cfg.Cameras, c)
	}
	if err := cfg.Complete(Sources{}); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

func TestReloadsLeaveOtherCamerasAlone(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	one, two, three := startCamera(t, camsim.Config{}), startCamera(t, camsim.Config{}), startCamera(t, camsim.Config{})
	a, b, c := aCamera("a", one.URL()), aCamera("b", two.URL()), aCamera("c", three.URL())
	r := runSite(t, server, a, b, c)
	for _, name := range []string{"a", "b", "c"} {
		r.wait(name, "live", in(publisher.Live))
	}
	before := r.wait("a", "packets", func(s publisher.Status) bool { return s.Packets > 0 }).Packets
	for i := range 100 {
		c.Hold = Duration(time.Duration(i+1) * time.Second)
		ch, err := r.Apply(fileOf(t, server, a, b, c))
		if err != nil {
			t.Fatal(err)
		}
		if ch.Unchanged != 2 || !slices.Equal(ch.Changed, []string{"c"}) || len(ch.Added)+len(ch.Removed) != 0 {
			t.Fatalf("reload %d: %+v", i, ch)
		}
		if i%10 == 0 { // some of them while it is live, most before it got anywhere
			r.wait("c", "live", in(publisher.Live))
		}
	}
	r.wait("c", "live after all reloads", in(publisher.Live))
	r.wait("a", "packets after all reloads", func(s publisher.Status) bool { return s.Packets > before })
	r.stop()
	for _, s := range r.Cameras()[:2] {
		if s.CameraSessions != 1 || s.TargetSessions != 1 || s.CameraFailures+s.TargetFailures != 0 {
			t.Errorf("%s was touched: %d RTSP and %d WHIP sessions", s.Name, s.CameraSessions, s.TargetSessions)
		}
		session := sessionOf(t, server, s.Name)
		session.WaitFor(t, s.Name+" to have arrived without a gap", func() bool { return session.Track("video").Packets == s.Packets })
	}
	// A camera is never opened twice at once, and no session of its is left behind.
	for _, s := range server.Sessions() {
		s.WaitFor(t, "DELETE of each session", func() bool { return s.Deletes() == 1 })
	}
}

// sessionOf returns the only session of a camera.
func sessionOf(t *testing.T, server *whiptest.Server, camera string) (session *whiptest.Session) {
	t.Helper()
	for _, s := range server.Sessions() {
		switch {
		case s.Query() != "camera="+camera:
		case session != nil:
			t.Fatalf("%s has several sessions", camera)
		default:
			session = s
		}
	}
	if session == nil {
		t.Fatalf("%s has no session", camera)
	}
	return session
}

func TestReloadAddsRemovesAndMovesCameras(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	one, two := startCamera(t, camsim.Config{}), startCamera(t, camsim.Config{})
	a, b := aCamera("a", one.URL()), aCamera("b", two.URL())
	r := runSite(t, server, a)
	r.wait("a", "live", in(publisher.Live))

	ch, err := r.Apply(fileOf(t, server, b, a))
	if err != nil || !slices.Equal(ch.Added, []string{"b"}) || ch.Unchanged != 1 {
		t.Fatalf("%+v, %v", ch, err)
	}
	r.wait("b", "live", in(publisher.Live))
	if got := r.Cameras(); got[0].Name != "b" || got[1].Name != "a" {
		t.Errorf("not in the file's order: %s, %s", got[0].Name, got[1].Name)
	}

	off := a
	off.Enabled = false
	if ch, err = r.Apply(fileOf(t, server, b, off)); err != nil || !slices.Equal(ch.Removed, []string{"a"}) {
		t.Fatalf("%+v, %v", ch, err)
	}
	if got := r.Cameras(); len(got) != 1 {
		t.Errorf("%d cameras", len(got))
	}
	gone := sessionOf(t, server, "a")
	gone.WaitFor(t, "DELETE of the camera that is gone", func() bool { return gone.Deletes() == 1 })

	if ch, err = r.Apply(fileOf(t, server, b, off)); err != nil || !ch.None() {
		t.Errorf("the same again: %+v, %v", ch, err)
	}
	// What concerns all of them moves all of them.
	all := fileOf(t, server, b, a)
	all.Network.DSCP = true
	if ch, err = r.Apply(all); err != nil || !slices.Equal(ch.Changed, []string{"b"}) || !slices.Equal(ch.Added, []string{"a"}) {
		t.Errorf("other network: %+v, %v", ch, err)
	}
	r.wait("a", "live again", in(publisher.Live))
	r.wait("b", "live again", in(publisher.Live))
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	cam := startCamera(t, camsim.Config{})
	a := aCamera("a", cam.URL())
	r := runSite(t, server, a)
	r.wait("a", "live", in(publisher.Live))
	bad := fileOf(t, server, a, aCamera("b", cam.URL()))
	bad.Cameras[1].URL = "ftp://192.0.2.1/" // past the checks, as only code can
	if _, err := r.Apply(bad); err == nil {
		t.Fatal("no error")
	}
	if got := r.Cameras(); len(got) != 1 || got[0].State != publisher.Live || got[0].CameraSessions != 1 {
		t.Errorf("%+v", got)
	}
}

func TestRestart(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	cam := startCamera(t, camsim.Config{})
	r := runSite(t, server, aCamera("a", cam.URL()))
	r.wait("a", "live", in(publisher.Live))
	if err := r.Restart("b"); !errors.Is(err, ErrNoCamera) {
		t.Errorf("a camera that is not there: %v", err)
	}
	if err := r.Restart("a"); err != nil {
		t.Fatal(err)
	}
	server.WaitRequests(t, "POST", 2)
	r.wait("a", "live again", in(publisher.Live))
	if first := server.Sessions()[0]; first.Deletes() != 1 {
		t.Errorf("the first session was deleted %d times", first.Deletes())
	}
}

// Settings may change before the site runs at all.
func TestReloadBeforeRun(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	s, err := New(fileOf(t, server, aCamera("a", "rtsp://127.0.0.1:1/")), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(fileOf(t, server, aCamera("b", "rtsp://127.0.0.1:1/"))); err != nil {
		t.Fatal(err)
	}
	if got := s.Cameras(); len(got) != 1 || got[0].Name != "b" {
		t.Errorf("%+v", got)
	}
}

func TestKeyFrameOfACameraThatDoesNotPlay(t *testing.T) {
	cfg := Default()
	cfg.Cameras = []Camera{aCamera("gate", "rtsp://127.0.0.1:1/")}
	cfg.Cameras[0].WHIP = &WHIP{URL: "http://127.0.0.1:1/"}
	if err := cfg.Complete(Sources{}); err != nil {
		t.Fatal(err)
	}
	s, err := New(&cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestKeyFrame("gate"); !errors.Is(err, ErrNotPlaying) {
		t.Errorf("got %v", err)
	}
	if err := s.RequestKeyFrame("none"); !errors.Is(err, ErrNoCamera) {
		t.Errorf("of no camera: %v", err)
	}
}
