//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// A camera that answers and sends no frames any more leaves the room within `hold`
// and 5 s of its last frame, and comes back by itself.
func TestStalledCameraLeavesRoom(t *testing.T) {
	const hold = 4 * time.Second
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{})
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "server", "yard",
		entry{name: "cam", url: camera.URL(), extra: fmt.Sprintf(", hold: %s, stall: 2s", hold)}))
	gateway.WaitLive(20*time.Second, "cam")
	if err := present(lk, "yard", "cam", true); err != nil {
		t.Errorf("live, but: %v", err)
	}

	frozen := time.Now()
	camera.Freeze(true)
	gateway.WaitState(4*time.Second, "cam", "stalled")
	parts.Eventually(t, hold+5*time.Second-time.Since(frozen), "the participant leaves", func() error { return present(lk, "yard", "cam", false) })
	t.Logf("the participant left %.1f s after the last frame", time.Since(frozen).Seconds())

	camera.Freeze(false)
	gateway.WaitLive(20*time.Second, "cam")
	if err := present(lk, "yard", "cam", true); err != nil {
		t.Errorf("live again, but: %v", err)
	}
}

// Two boxes with one file are a cold standby pair: one publishes, the other says why
// it waits, they do not take turns, and when the first has ended the second takes over.
func TestTwoBoxesWithOneFile(t *testing.T) {
	lk := parts.StartLiveKit(t)
	standbyPair(t, lk, "server", 25*time.Second, func(g *parts.Gateway) { g.Terminate(5 * time.Second) })
}

// standbyPair plays a whole change of boxes. limit is how long after the end of the
// first the other must be live.
func standbyPair(t *testing.T, lk *parts.LiveKit, via string, limit time.Duration, end func(*parts.Gateway)) {
	t.Helper()
	camera := startCamera(t, camsim.Config{})
	file := site(lk, via, "yard", entry{name: "cam", url: camera.URL()})
	boxes := map[string]*parts.Gateway{}
	sessions := lk.CountSessions(t, "yard", "cam")
	for _, name := range []string{"box-a", "box-b"} {
		boxes[name] = parts.StartGateway(t, name, file)
	}
	winner, loser := "", ""
	parts.Eventually(t, 40*time.Second, "one live, one on standby", func() error {
		states := map[string]string{}
		for name, box := range boxes {
			cameras, err := box.Cameras()
			if err != nil {
				return err
			}
			states[cameras["cam"].State] = name
		}
		winner, loser = states["live"], states["standby"]
		if winner == "" || loser == "" {
			return fmt.Errorf("%v", states)
		}
		return nil
	})
	cameras, err := boxes[loser].Cameras()
	if err != nil {
		t.Fatal(err)
	}
	if c := cameras["cam"]; c.Reason != `another publisher has taken the place of "cam" in room "yard"` || c.Hint == "" {
		t.Errorf("the one on standby says %q, %q", c.Reason, c.Hint)
	}
	before := sessions()
	parts.Pause(8 * time.Second)
	if now := sessions(); !slices.Equal(before, now) || len(now) > 3 {
		t.Errorf("sessions of the camera: %d, 8 s later %d; they take turns", len(before), len(now))
	}
	end(boxes[winner])
	ended := time.Now()
	boxes[loser].WaitLive(limit, "cam")
	t.Logf("the second box was live %.1f s after the first had ended", time.Since(ended).Seconds())
	parts.Eventually(t, 5*time.Second, "the session that took over is seen", func() error {
		if now := sessions(); len(now) == len(before) {
			return fmt.Errorf("%d sessions", len(now))
		}
		return nil
	})
	if now := sessions(); len(now) != len(before)+1 {
		t.Errorf("%d sessions for taking over, want 1", len(now)-len(before))
	}
}

// A camera on demand is in its room only while somebody watches, and whoever comes
// has its picture at most 2 s after the room was looked into, however rare the camera's
// key frames are.
func TestOnDemand(t *testing.T) {
	const poll = time.Second
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{Clip: "360p-longgop"}) // a key frame every 12 s, and none when asked
	other := startCamera(t, camsim.Config{})
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, fmt.Sprintf("server, poll: %s", poll), "yard",
		entry{name: "cam", url: camera.URL(), extra: ", publish: on_demand, linger: 2s"},
		entry{name: "always", url: other.URL()}))
	gateway.WaitState(20*time.Second, "cam", "waiting")
	gateway.WaitLive(20*time.Second, "always") // a camera is no viewer
	camera.KeyFrame()
	parts.Pause(2 * poll)
	if err := present(lk, "yard", "cam", false); err != nil {
		t.Error(err)
	}
	if err := gateway.Ready("cameras=all"); err != nil {
		t.Errorf("a camera that nobody watches is not healthy: %v", err)
	}

	viewer := lk.Subscribe(t, "yard")
	came := time.Now()
	took := parts.Eventually(t, 10*time.Second, "video", func() error { return viewer.FlowsSince("cam", time.Time{}) })
	first, ok := viewer.FirstKeyFrame("cam", came)
	if limit := parts.Soon(poll + 2*time.Second); !ok || first > limit {
		t.Errorf("the first key frame came %s after the viewer, want %s at most", first, limit)
	}
	t.Logf("first key frame %.2f s after the viewer, flowing by %.2f s", first.Seconds(), took.Seconds())
	gateway.WaitLive(5*time.Second, "cam")

	viewer.Leave()
	gateway.WaitState(10*time.Second, "cam", "waiting")
	parts.Eventually(t, 5*time.Second, "the camera leaves", func() error { return present(lk, "yard", "cam", false) })
	// Another one may have been opened for a moment, to ask for a key frame.
	parts.Eventually(t, 10*time.Second, "the warm RTSP session alone", func() error { return readers(camera, 1) })
}

// A camera enters its room as LiveKit's own clients do, with picture and sound, for a
// server that has neither Ingress nor an answer to WHIP requests, and comes back when
// the server was away.
func TestSDKRoom(t *testing.T) {
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{Clip: "720p-main", Audio: "pcmu"})
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "sdk", "yard",
		entry{name: "cam", url: camera.URL(), extra: ", display_name: The yard"}))
	gateway.WaitLive(20*time.Second, "cam")
	viewer := lk.Subscribe(t, "yard")
	parts.Eventually(t, 10*time.Second, "video", func() error { return viewer.FlowsSince("cam", time.Time{}) })
	all, err := lk.Participants(t.Context(), "yard")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Identity != "cam" {
			continue
		}
		var mimes []string
		for _, track := range p.Tracks {
			mimes = append(mimes, track.MimeType)
		}
		slices.Sort(mimes)
		if p.Name != "The yard" || !slices.Equal(mimes, []string{"audio/PCMU", "video/H264"}) || p.Permission.CanSubscribe {
			t.Errorf("name %q, tracks %q, may subscribe: %v", p.Name, mimes, p.Permission.CanSubscribe)
		}
	}

	lk.Kill()
	gateway.WaitState(5*time.Second, "cam", "reconnecting", "publishing")
	lk.Start()
	lk.WaitReady()
	back := time.Now()
	gateway.WaitLive(20*time.Second, "cam")
	viewer.Rejoin()
	parts.Eventually(t, 10*time.Second, "video again", func() error { return viewer.FlowsSince("cam", back) })
	if took, byItself := gateway.Terminate(10 * time.Second); !byItself || took > parts.Soon(5*time.Second) {
		t.Errorf("after SIGTERM: ended by itself: %t, after %s", byItself, took)
	}
	parts.Eventually(t, 5*time.Second, "the camera leaves after SIGTERM", func() error { return present(lk, "yard", "cam", false) })
}

// readers returns nil if a camera has that many RTSP sessions.
func readers(c *camsim.Camera, want int) error {
	if n := c.Stats().Readers; n != want {
		return fmt.Errorf("%d readers, want %d", n, want)
	}
	return nil
}
