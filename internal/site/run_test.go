package site

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/ports"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// running is a site under test.
type running struct {
	*Site
	t    *testing.T
	stop func() // ends it and waits
}

// runSite runs cameras, which publish to server unless they name a target.
func runSite(t *testing.T, server *whiptest.Server, cameras ...Camera) *running {
	t.Helper()
	cfg := Default()
	for _, c := range cameras {
		if c.WHIP == nil {
			c.WHIP = &WHIP{URL: server.URL() + "?camera=" + c.Name, Token: secret.New("an.example-token")}
		}
		cfg.Cameras = append(cfg.Cameras, c)
	}
	return runConfig(t, cfg)
}

// runConfig runs a site that was put together in code.
func runConfig(t *testing.T, cfg Config) *running {
	t.Helper()
	return runConfigLogging(t, cfg, slog.New(slog.DiscardHandler))
}

func runConfigLogging(t *testing.T, cfg Config, log *slog.Logger) *running {
	t.Helper()
	if err := cfg.Complete(Sources{}); err != nil {
		t.Fatal(err)
	}
	s, err := New(&cfg, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	r := &running{Site: s, t: t, stop: func() { cancel(); <-done }}
	t.Cleanup(r.stop)
	return r
}

// syncedLog is a log that can be read while it is written.
type syncedLog struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (l *syncedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *syncedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func aCamera(name, url string) Camera {
	c := DefaultCamera()
	c.Name, c.URL = name, url
	return c
}

func startCamera(t *testing.T, cfg camsim.Config) *camsim.Camera {
	t.Helper()
	cam, err := camsim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cam.Stop)
	return cam
}

// wait waits until a camera's status fulfils a condition, and returns it.
func (r *running) wait(name, what string, ok func(publisher.Status) bool) publisher.Status {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
		for _, s := range r.Cameras() {
			if s.Name == name && ok(s) {
				return s
			}
		}
	}
	for _, s := range r.Cameras() {
		r.t.Logf("%s: %s: %s", s.Name, s.State, s.Reason)
	}
	r.t.Fatalf("camera %s: waited a minute in vain for: %s", name, what)
	return publisher.Status{}
}

func in(states ...publisher.State) func(publisher.Status) bool {
	return func(s publisher.Status) bool {
		for _, want := range states {
			if s.State == want {
				return true
			}
		}
		return false
	}
}

// closedPort returns an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	address, release, err := ports.Shut("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address
}

func TestSitePublishesAllThatCanBe(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	withOpus := startCamera(t, camsim.Config{Clip: "720p-main", Audio: "opus"})
	withPCMU := startCamera(t, camsim.Config{Clip: "360p-high", Audio: "pcmu"})
	withAAC := startCamera(t, camsim.Config{Clip: "360p-baseline", Audio: "aac"})
	locked := startCamera(t, camsim.Config{Username: "admin", Password: "right"})
	unlocked := startCamera(t, camsim.Config{Username: "admin", Password: "p@ss:/#%"})

	lockedCfg := aCamera("locked", locked.URL())
	lockedCfg.Username, lockedCfg.Password = "admin", secret.New("wrong")
	unlockedCfg := aCamera("unlocked", unlocked.URL())
	unlockedCfg.Username, unlockedCfg.Password = "admin", secret.New("p@ss:/#%")
	off := aCamera("off", "rtsp://"+closedPort(t)+"/")
	off.Enabled = false
	mute := aCamera("mute", withOpus.URL())
	mute.Audio = AudioOff

	site := runSite(t, server, aCamera("opus", withOpus.URL()), aCamera("pcmu", withPCMU.URL()),
		aCamera("aac", withAAC.URL()), aCamera("gone", "rtsp://"+closedPort(t)+"/stream"),
		lockedCfg, unlockedCfg, off, mute)

	s := site.wait("opus", "live", in(publisher.Live))
	if s.Width != 1280 || s.Height != 720 || s.Audio != "opus" || !strings.HasPrefix(s.ProfileLevelID, "4d") {
		t.Errorf("opus: %dx%d, audio %q, profile-level-id %s", s.Width, s.Height, s.Audio, s.ProfileLevelID)
	}
	if s := site.wait("pcmu", "live", in(publisher.Live)); s.Audio != "PCMU" {
		t.Errorf("pcmu: audio %q", s.Audio)
	}
	if s := site.wait("aac", "live", in(publisher.Live)); s.Audio != "" || !strings.Contains(s.AudioNote, "G.711") {
		t.Errorf("aac: audio %q, note %q", s.Audio, s.AudioNote)
	}
	if s := site.wait("mute", "live", in(publisher.Live)); s.Audio != "" || !strings.Contains(s.AudioNote, "off") {
		t.Errorf("mute: audio %q, note %q", s.Audio, s.AudioNote)
	}
	site.wait("unlocked", "live", in(publisher.Live))
	for name, want := range map[string]string{"gone": "connection refused", "locked": "401"} {
		s := site.wait(name, "a reason", func(s publisher.Status) bool { return s.State == publisher.Reconnecting && s.Reason != "" })
		if !strings.Contains(s.Reason, want) || s.Hint == "" || strings.Contains(s.Reason+s.Hint, "wrong\"") {
			t.Errorf("%s: reason %q, hint %q", name, s.Reason, s.Hint)
		}
	}
	if n := len(site.Cameras()); n != 7 {
		t.Errorf("%d cameras shown, want the 7 that are enabled", n)
	}

	sessions := server.Sessions()
	if len(sessions) != 5 {
		t.Fatalf("%d sessions, want 5", len(sessions))
	}
	for _, s := range sessions {
		s.WaitPackets(t, "video", 50)
		if strings.Contains(s.Offer(), "m=audio") {
			s.WaitPackets(t, "audio", 20)
		}
	}
	site.stop()
	for i, s := range sessions {
		if n := s.Deletes(); n != 1 {
			t.Errorf("session %d: %d DELETE, want 1", i, n)
		}
	}
	for _, cam := range []*camsim.Camera{withOpus, withPCMU, withAAC, unlocked} {
		// The camera answers TEARDOWN before it has forgotten the session.
		sessions[0].WaitFor(t, cam.URL()+" to have no reader", func() bool { return cam.Stats().Readers == 0 })
	}
}

func TestCameraBackWithinHoldKeepsItsSession(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	cam := startCamera(t, camsim.Config{})
	site := runSite(t, server, aCamera("gate", cam.URL()))
	site.wait("gate", "live", in(publisher.Live))
	session := server.WaitSession(t)
	session.WaitPackets(t, "video", 30)

	cam.Stop()
	site.wait("gate", "reconnecting", in(publisher.Reconnecting))
	if err := cam.Restart(); err != nil {
		t.Fatal(err)
	}
	site.wait("gate", "live again", in(publisher.Live))
	session.WaitPackets(t, "video", session.Track("video").Packets+30)
	if n := len(server.Sessions()); n != 1 {
		t.Errorf("%d WHIP sessions, want the first one kept", n)
	}
}

func TestSilentCameraLeavesAfterHoldAndComesBack(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	cam := startCamera(t, camsim.Config{})
	c := aCamera("gate", cam.URL())
	c.Stall, c.Hold = Duration(time.Second), Duration(2*time.Second)
	site := runSite(t, server, c)
	site.wait("gate", "live", in(publisher.Live))
	first := server.WaitSession(t)

	cam.Freeze(true)
	s := site.wait("gate", "stalled", in(publisher.Stalled))
	if s.Reason == "" {
		t.Error("no reason for the stall")
	}
	first.WaitFor(t, "DELETE after hold", func() bool { return first.Deletes() == 1 })
	cam.Freeze(false)
	site.wait("gate", "live again", in(publisher.Live))
	if n := len(server.Sessions()); n != 2 {
		t.Errorf("%d WHIP sessions, want 2", n)
	}
}

func TestLostSessionIsRebuiltWhileTheCameraStaysOpen(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	cam := startCamera(t, camsim.Config{})
	site := runSite(t, server, aCamera("gate", cam.URL()))
	site.wait("gate", "live", in(publisher.Live))
	first := server.WaitSession(t)
	first.WaitPackets(t, "video", 30)
	first.Blackhole(true, true)
	site.wait("gate", "a second session", func(s publisher.Status) bool {
		return s.State == publisher.Live && s.TargetSessions == 2
	})
	if s := site.Cameras()[0]; s.CameraSessions != 1 || s.TargetFailures != 1 {
		t.Errorf("%d camera sessions, %d target failures; want 1, 1", s.CameraSessions, s.TargetFailures)
	}
	// The next session does not wait for the lost one's end.
	first.WaitFor(t, "a DELETE of the lost session", func() bool { return first.Deletes() == 1 })
}

// TestRefusals: whatever a WHIP endpoint answers becomes one sentence with a
// hint, and never a hot loop.
func TestRefusals(t *testing.T) {
	cam := startCamera(t, camsim.Config{})
	html := http.Header{"Content-Type": {"text/html"}}
	for _, c := range []struct {
		name  string
		reply whiptest.Reply
		want  string
	}{
		{"unauthorized", whiptest.Reply{Status: 401}, "401"},
		{"not found", whiptest.Reply{Status: 404}, "404"},
		{"not acceptable", whiptest.Reply{Status: 406, Body: "codec"}, "406"},
		{"server error", whiptest.Reply{Status: 500, Body: "oops"}, "500"},
		{"a web page", whiptest.Reply{Status: 200, Header: html, Body: "<html><body>hello</body></html>"}, "200"},
		{"reset", whiptest.Reply{Reset: true}, "POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := whiptest.NewServer(t, whiptest.Config{Script: func(whiptest.Request) *whiptest.Reply { return &c.reply }})
			site := runSite(t, server, aCamera("gate", cam.URL()))
			s := site.wait("gate", "a reason", func(s publisher.Status) bool { return s.State == publisher.Reconnecting })
			if !strings.Contains(s.Reason, c.want) || strings.ContainsAny(s.Reason, "\n<") {
				t.Errorf("reason %q, want one sentence with %q", s.Reason, c.want)
			}
			if s.Hint == "" {
				t.Error("no hint")
			}
			if strings.Contains(s.Reason+s.Hint, "an.example-token") {
				t.Errorf("the token is in %q", s.Reason+s.Hint)
			}
		})
	}
}

func TestManyCamerasWithSomeUnreachable(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	var cameras []Camera
	dead := closedPort(t)
	for i := range 10 {
		url := "rtsp://" + dead + "/stream"
		if i%5 != 0 {
			url = startCamera(t, camsim.Config{}).URL()
		}
		cameras = append(cameras, aCamera(fmt.Sprintf("cam%d", i), url))
	}
	site := runSite(t, server, cameras...)
	for i := range cameras {
		if i%5 != 0 {
			site.wait(cameras[i].Name, "live", in(publisher.Live))
		} else {
			site.wait(cameras[i].Name, "reconnecting", in(publisher.Reconnecting))
		}
	}
	for _, s := range site.Cameras() {
		if s.State == publisher.Live && s.TargetFailures+s.CameraFailures > 0 {
			t.Errorf("%s was disturbed: %d camera, %d target failures", s.Name, s.CameraFailures, s.TargetFailures)
		}
	}
}

func TestNewTellsEveryBadCamera(t *testing.T) {
	cfg := Default()
	for _, name := range []string{"a", "b"} {
		c := aCamera(name, "ftp://host/")
		c.Via, c.WHIP = ViaWHIP, &WHIP{URL: "http://127.0.0.1/"}
		cfg.Cameras = append(cfg.Cameras, c)
	}
	_, err := New(&cfg, "test", slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "camera a:") || !strings.Contains(err.Error(), "camera b:") {
		t.Errorf("got %v", err)
	}
}

func TestServerThatRefusesOurKey(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "another one"})
	cam := startCamera(t, camsim.Config{})
	cfg := Default()
	cfg.LiveKit = LiveKit{URL: "ws://" + closedPort(t), APIKey: secret.New("key"), APISecret: secret.New("a secret that is long enough for signing"),
		Room: "r", Via: ViaServer, WHIPURL: server.URL()}
	cfg.Cameras = []Camera{aCamera("gate", cam.URL())}
	r := runConfig(t, cfg)
	st := r.wait("gate", "a reason", in(publisher.Reconnecting))
	if !strings.Contains(st.Reason, "401") || !strings.Contains(st.Hint, "API key and secret") {
		t.Errorf("reason %q, hint %q", st.Reason, st.Hint)
	}
}

func TestPlainHTTPIsWarnedOf(t *testing.T) {
	for url, want := range map[string]bool{
		"http://192.0.2.1/whip": true, "ws://livekit.example": true, "https://192.0.2.1/whip": false,
		"wss://livekit.example": false, "http://127.0.0.1:1/": false, "ws://localhost:7880": false, "http://[::1]/": false,
	} {
		var log strings.Builder
		warnPlain(slog.New(slog.NewTextHandler(&log, nil)), url)
		if got := log.Len() > 0; got != want {
			t.Errorf("%s: warned %v, want %v", url, got, want)
		}
	}
}

func TestTunnelsAreCameras(t *testing.T) {
	cfg := Default()
	for i, scheme := range tunnels {
		c := aCamera(fmt.Sprint("cam", i), scheme+"://user:pw@192.0.2.1/stream")
		c.WHIP = &WHIP{URL: fmt.Sprintf("https://192.0.2.2/%d", i)}
		cfg.Cameras = append(cfg.Cameras, c)
	}
	if err := cfg.Complete(Sources{}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(&cfg, "test", slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

// TestNewsOfACamera comes when a camera's state changes, and is there for whoever
// looks late.
func TestNewsOfACamera(t *testing.T) {
	r := runSite(t, whiptest.NewServer(t, whiptest.Config{}), aCamera("gate", "rtsp://"+closedPort(t)+"/x"))
	limit := time.After(30 * time.Second)
	for r.Cameras()[0].State != publisher.Reconnecting {
		select {
		case <-r.News():
		case <-limit:
			t.Fatalf("no news, and the camera is %s", r.Cameras()[0].State)
		}
	}
}
