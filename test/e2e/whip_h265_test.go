//go:build e2e && full

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// livekit-server takes H.265 over WHIP and hands it on to a room's viewers. Whether a
// browser shows it is up to the browser: Debian's Chromium has no decoder for it.
func TestH265ThroughLiveKit(t *testing.T) {
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{Clip: "h265"})
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "server", "site", entry{name: "gate", url: camera.URL(), extra: ", codec: h265"}))
	gateway.WaitLive(20*time.Second, "gate")
	viewer := lk.Subscribe(t, "site")
	browser := parts.StartBrowser(t)
	browser.Watch(lk, "site")
	parts.Eventually(t, 20*time.Second, "packets to a viewer", func() error {
		if viewer.Packets("gate") < 100 {
			return errors.New("hardly any")
		}
		return nil
	})
	var codecs []string
	if err := browser.Eval(`RTCRtpReceiver.getCapabilities("video").codecs.map((c) => c.mimeType)`, &codecs); err != nil {
		t.Fatal(err)
	}
	able := slices.Contains(codecs, "video/H265")
	t.Logf("%d packets to a viewer; the browser takes %v", viewer.Packets("gate"), codecs)
	if !able {
		parts.Pause(3 * time.Second)
	}
	parts.Eventually(t, 20*time.Second, "as many frames as the browser's list of codecs promises", func() error {
		seen, err := browser.Watched()
		if err != nil {
			return err
		}
		v := seen["gate"].Video
		if decoded := v != nil && v.FramesDecoded > 25; decoded != able {
			return fmt.Errorf("H.265 is in the list: %t, frames are decoded: %t", able, decoded)
		}
		return nil
	})
}
