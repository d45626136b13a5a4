//go:build e2e && full

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// How long a viewer waits for the picture of a camera that sends a key frame every
// 12 s, by the way in which it is asked, beside MediaMTX, which asks in none. The
// figures go into docs/livekit.md by hand.
func TestJoinTimes(t *testing.T) {
	for _, c := range []struct {
		camera, setting, way string
		limit                time.Duration // of the median; 0: measured only
	}{
		{"long-gop-pli", "auto", "pli", time.Second},
		{"long-gop-renew", "auto", "axis", time.Second},
		{"long-gop-isapi", "auto", "isapi", time.Second},
		{"long-gop-sunapi", "auto", "sunapi", time.Second},
		{"long-gop-onvif", "auto", "onvif", time.Second},
		{"long-gop-second-session", "auto", "session", time.Second},
		{"long-gop-pli", "off", "", 0},
	} {
		t.Run(c.setting+"-"+c.camera, func(t *testing.T) {
			lk := parts.StartLiveKit(t)
			startAsking(t, lk, startPersonality(t, c.camera), c.setting, c.way)
			if median := joins(t, lk); c.limit > 0 && median > c.limit {
				t.Errorf("half of the viewers wait for more than %s, want %s", median, c.limit)
			}
		})
	}
	t.Run("mediamtx", func(t *testing.T) {
		lk := parts.StartLiveKit(t)
		camera := startPersonality(t, "long-gop-pli")
		parts.StartForward(t, parts.Forward{
			Camera: camera.URL(), Transport: "tcp", WHIP: lk.HTTP() + "/whip/v1", Token: lk.PublisherToken(t, "site", "cam"),
		})
		parts.Eventually(t, 30*time.Second, "the camera is in the room", func() error { return present(lk, "site", "cam", true) })
		joins(t, lk)
	})
}

// joins has ten viewers join one after the other, at times that have nothing to do
// with the camera's key frames, and returns the median of their waiting.
func joins(t *testing.T, lk *parts.LiveKit) time.Duration {
	t.Helper()
	browser := parts.StartBrowser(t)
	var waits []time.Duration
	var line string
	for n := range 10 {
		// Who had to wait has seen a key frame just now: the next one comes at any time
		// within the interval of 12 s. A LiveKit server throttles requests, so not at once.
		parts.Pause(2*time.Second + time.Duration(n*7%10)*1200*time.Millisecond)
		times := join(t, lk, browser, n)
		waits = append(waits, times.Frame)
		line += fmt.Sprintf(" %.2f (%.2f)", times.Frame.Seconds(), times.Connected.Seconds())
	}
	slices.Sort(waits)
	t.Logf("seconds from joining to the first picture (to being in the room):%s", line)
	median := (waits[4] + waits[5]) / 2
	t.Logf("median %.2f s, longest %.2f s", median.Seconds(), waits[9].Seconds())
	return median
}
