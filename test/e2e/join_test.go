//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// A viewer joins a camera that sends a key frame every 12 s, and need not wait for
// the next one.
func TestJoinLongGOP(t *testing.T) {
	lk := parts.StartLiveKit(t)
	camera := startPersonality(t, "long-gop-onvif")
	startAsking(t, lk, camera, "onvif", "onvif")
	browser := parts.StartBrowser(t)
	asked := camera.WebStats().KeyFrames
	// A busy machine alone may take seconds; the next key frame is 6 s away on average.
	if took := join(t, lk, browser, 1); took.Frame > parts.Soon(3*time.Second) {
		t.Errorf("the first picture took %s", took.Frame)
	} else {
		t.Logf("in the room after %s, the first picture after %s", took.Connected.Round(time.Millisecond), took.Frame.Round(time.Millisecond))
	}
	if camera.WebStats().KeyFrames == asked {
		t.Error("the camera was not asked for a key frame")
	}
}

func startPersonality(t testing.TB, name string) *camsim.Running {
	t.Helper()
	c, err := camsim.StartPersonality(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// startAsking publishes a camera as cam and waits until its way to be asked is found.
func startAsking(t testing.TB, lk *parts.LiveKit, camera *camsim.Running, setting, way string) *parts.Gateway {
	t.Helper()
	user, password := camera.Credentials()
	extra := ", keyframe: " + setting
	if user != "" {
		extra += fmt.Sprintf(", username: %q, password: %q", user, password)
	}
	if web := camera.WebURL(); web != "" {
		extra += fmt.Sprintf(", web: %q", web)
	}
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "server", "site", entry{name: "cam", url: camera.URL(), extra: extra}))
	gateway.WaitLive(20*time.Second, "cam")
	// The search begins when a key frame is overdue, and takes seconds at most.
	parts.Eventually(t, 60*time.Second, "the way is found", func() error {
		cameras, err := gateway.Cameras()
		if err != nil {
			return err
		}
		if c := cameras["cam"]; c.KeyFrameWay != way {
			return fmt.Errorf("it is %q: %s", c.KeyFrameWay, c.Reason)
		}
		return nil
	})
	return gateway
}

// join has a new viewer join the room, and leaves it again.
func join(t testing.TB, lk *parts.LiveKit, b *parts.Browser, n int) parts.JoinTimes {
	t.Helper()
	b.WatchWith(lk.URL(), lk.ViewerToken(t, "site", fmt.Sprintf("viewer-%d", n)))
	var times parts.JoinTimes
	parts.Eventually(t, 40*time.Second, "a picture", func() (err error) {
		times, err = b.Joined()
		return err
	})
	b.Open("about:blank")
	return times
}
