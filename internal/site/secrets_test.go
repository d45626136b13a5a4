package site

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/admin"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/graceful"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/viewer"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// No secret is in any message down to debug level, in any status, on the page, in the
// JSON or in the metrics: not of what works, and not of what a server or a camera says
// no to, however it repeats it.
func TestNothingPrintsASecret(t *testing.T) {
	turn := whiptest.NewTURN(t, 0)
	server := whiptest.NewServer(t, whiptest.Config{
		Header: http.Header{"Link": {turn.Link("udp")}}, Reachable: turn.IsRelay, Patch: whiptest.Patch{Restart: true},
	})
	refusing := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		return &whiptest.Reply{Status: http.StatusForbidden, Body: "you sent " + r.Header.Get("Authorization") + " to " + r.Path}
	}})
	cam := startCamera(t, camsim.Config{Username: "viewer", Password: "camera-password-1"})
	camera := func(name, password string, to *whiptest.Server) Camera {
		c := aCamera(name, cam.URL())
		c.Username, c.Password = "viewer", secret.New(password)
		c.WHIP = &WHIP{URL: to.URL() + "?key=query-secret-1&camera=" + name, Token: secret.New("bearer-token-of-" + name)}
		return c
	}
	cfg := Default()
	cfg.Network.RelayOnly = true
	cfg.Cameras = []Camera{
		camera("works", "camera-password-1", server),
		camera("refused", "camera-password-1", refusing),
		camera("mistyped", "camera-password-2", server),
	}
	var log syncedLog
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := runConfigLogging(t, cfg, logger)
	s.wait("works", "it to be live", in(publisher.Live))
	s.wait("works", "its path", func(st publisher.Status) bool { return st.PathType == "relay" })
	s.wait("refused", "its refusal", func(st publisher.Status) bool { return strings.Contains(st.Reason, "403") })
	s.wait("mistyped", "its refusal", func(st publisher.Status) bool { return st.Reason != "" })

	var printed strings.Builder
	printed.WriteString(everyAnswer(t, s.Site, logger))
	fmt.Fprintf(&printed, "%+v\n%+v\n", s.Cameras(), cfg)
	s.stop()
	printed.WriteString(log.String())

	text := printed.String()
	for _, want := range []string{
		"webrtc: ", `rtsp2whip_camera_path{camera="works",protocol="udp",type="relay"} 1`, "a=setup:active",
		"409 {\n  \"error\": \"the camera is down: ", "event: state\n", "\"history\"", "POST /api/cameras/works/keyframe: 202",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is nothing to look at: %q is missing", want)
		}
	}
	secrets := append(whiptest.Secrets(), "camera-password-1", "camera-password-2", "query-secret-1",
		"bearer-token-of-works", "bearer-token-of-refused", "bearer-token-of-mistyped")
	for _, secret := range secrets {
		for line := range strings.Lines(text) {
			if strings.Contains(line, secret) {
				t.Errorf("%q was printed: %s", secret, line)
				break
			}
		}
	}
}

// everyAnswer asks for all that the HTTP server of a site has.
func everyAnswer(t *testing.T, s *Site, log *slog.Logger) string {
	t.Helper()
	told := func(err error) error {
		if errors.Is(err, ErrNotPlaying) {
			return admin.ErrNotPlaying
		}
		return err
	}
	previews := viewer.NewPreviews(viewer.PreviewConfig{Logger: log, Tap: func(camera string, to viewer.Sink) (viewer.Tapped, error) {
		tapped, err := s.Tap(camera, to)
		return viewer.Tapped(tapped), told(err)
	}})
	defer previews.Close()
	pages, err := admin.New(admin.Config{
		Cameras: s.Cameras, Restart: s.Restart, Previews: previews, Version: "test", Started: time.Now(), Logger: log,
		KeyFrame: func(name string) error { return told(s.RequestKeyFrame(name)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- pages.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()

	var all strings.Builder
	ask := func(method, path, body string) (location string) {
		req, err := http.NewRequestWithContext(ctx, method, "http://"+l.Addr().String()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/sdp")
		}
		req.Header.Set("Last-Event-ID", "another") // all that has happened
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		fmt.Fprintf(&all, "%s %s: %d ", method, path, resp.StatusCode)
		in := bufio.NewScanner(resp.Body)
		in.Buffer(nil, 1<<20)
		for events := 0; events < 3 && in.Scan(); { // as many as there are cameras: the stream has no end
			all.WriteString(in.Text() + "\n")
			if strings.HasPrefix(in.Text(), "data: ") {
				events++
			}
		}
		return resp.Header.Get("Location")
	}
	for _, path := range []string{"/", "/?show=wrong", "/login", "/page.js", "/preview.js", "/style.css", "/api/cameras", "/api/none",
		"/api/openapi.json", "/metrics", "/healthz", "/readyz", "/readyz?cameras=all", "/api/events"} {
		ask("GET", path, "")
	}
	offer := anOffer(t)
	for _, camera := range []string{"works", "refused", "mistyped", "none"} {
		at := "/api/cameras/" + camera
		ask("GET", at, "")
		ask("POST", at+"/keyframe", "")
		ask("POST", at+"/preview", "not an offer")
		if location := ask("POST", at+"/preview", offer); location != "" {
			ask("DELETE", location, "")
		}
	}
	ask("POST", "/api/cameras/mistyped/restart", "")
	ask("POST", "/api/cameras/mistyped/restart", "")
	return all.String()
}

// anOffer is what a browser sends that wants to see a camera.
func anOffer(t *testing.T) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = graceful.Close(pc) }()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return offer.SDP
}
