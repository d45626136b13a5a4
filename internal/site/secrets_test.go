package site

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/admin"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
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
	s := runConfigLogging(t, cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	s.wait("works", "it to be live", in(publisher.Live))
	s.wait("works", "its path", func(st publisher.Status) bool { return st.PathType == "relay" })
	s.wait("refused", "its refusal", func(st publisher.Status) bool { return strings.Contains(st.Reason, "403") })
	s.wait("mistyped", "its refusal", func(st publisher.Status) bool { return st.Reason != "" })

	pages, err := admin.New(admin.Config{Cameras: s.Cameras, Version: "test", Started: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	for _, path := range []string{"/", "/api/cameras", "/metrics", "/readyz?cameras=all"} {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Fprintf(&printed, "%s\n%s\n", path, w.Body)
	}
	fmt.Fprintf(&printed, "%+v\n%+v\n", s.Cameras(), cfg)
	s.stop()
	printed.WriteString(log.String())

	text := printed.String()
	if !strings.Contains(text, "webrtc: ") || !strings.Contains(text, `rtsp2whip_camera_path{camera="works",protocol="udp",type="relay"} 1`) {
		t.Error("there is nothing to look at")
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
