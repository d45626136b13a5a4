//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// Four cameras become four participants of a livekit-server, and a browser
// decodes what they send.
func TestServerToBrowser(t *testing.T) {
	const measured = 20 * time.Second
	lk := parts.StartLiveKit(t)
	cameras := make(map[string]*camsim.Camera) // by identity
	var entries []entry
	clips := []string{"360p-baseline", "360p-main", "360p-high", "360p-slices"}
	for i, name := range []string{"gate", "yard", "dock", "shop"} {
		c := startCamera(t, camsim.Config{Clip: clips[i], Username: "viewer", Password: "p@ss:w/rd"})
		identity := fmt.Sprintf("cam-%d", i+1)
		cameras[identity] = c
		entries = append(entries, entry{name: name, url: c.URL(), extra: fmt.Sprintf(
			", identity: %q, display_name: %q, username: viewer, password: %q", identity, "The "+name, "p@ss:w/rd")})
	}
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "server", "site", entries...))
	gateway.WaitLive(20*time.Second, "gate", "yard", "dock", "shop")

	browser := parts.StartBrowser(t)
	browser.Watch(lk, "site")
	waitPictures(t, browser, 30*time.Second, cameras)
	compareFrames(t, browser, cameras, measured, 0.05)
	saveScreenshot(t, browser, "room.png")

	seen, err := browser.Watched()
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != len(cameras) {
		t.Errorf("%d participants, want %d", len(seen), len(cameras))
	}
	if got := seen["cam-2"].Name; got != "The yard" {
		t.Errorf("cam-2 is displayed as %q", got)
	}
	for identity, w := range seen {
		if w.Video.FrameWidth != 640 || w.Video.FrameHeight != 360 {
			t.Errorf("%s: %dx%d, want 640x360", identity, w.Video.FrameWidth, w.Video.FrameHeight)
		}
	}

	// SIGTERM: the sessions end with DELETE, so nobody stays behind frozen.
	if took, byItself := gateway.Terminate(10 * time.Second); !byItself || took > parts.Soon(5*time.Second) || gateway.ExitCode() != 0 {
		t.Errorf("after SIGTERM: ended by itself: %t, after %s, exit code %d", byItself, took, gateway.ExitCode())
	}
	parts.Eventually(t, 3*time.Second, "the cameras leave the room", func() error {
		left, err := lk.Participants(context.Background(), "site")
		if err != nil {
			return err
		}
		for _, p := range left {
			if cameras[p.Identity] != nil {
				return fmt.Errorf("%s is still there", p.Identity)
			}
		}
		return nil
	})
	for identity, c := range cameras {
		parts.Eventually(t, 3*time.Second, "nobody reads "+identity, func() error { return readers(c, 0) })
	}
}
