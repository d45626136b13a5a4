//go:build e2e && linux

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// A firewall lets no UDP out of the box. livekit-server names a TURN server in its
// answer, and over TCP to that one the camera gets into the room.
func TestTURNOverTCP(t *testing.T) {
	t.Parallel()
	if !parts.Isolated(t) {
		return
	}
	box := parts.NewBox(t, parts.BoxIPv4)
	turn := parts.StartCoturn(t, parts.FarIPv4, nil)
	lk := parts.StartLiveKitWith(t, parts.LiveKitOptions{Host: parts.FarIPv4, RTC: turn.LiveKit("tcp")})
	box.Firewall("meta l4proto udp")
	gateway, viewer := playsInRoom(t, box, lk)
	before := status(t, gateway, "gate")
	if !strings.Contains(before.Path, "(relay)") {
		t.Errorf("the path is %s, want one by the TURN server", before.Path)
	}

	// The connection to the TURN server is bound to an address that goes away. Another
	// one is made, for the same session.
	changed := time.Now()
	box.RemoveAddress(parts.BoxIPv4)
	box.AddAddress(parts.BoxNewIPv4)
	var after parts.CameraStatus
	parts.Eventually(t, 20*time.Second, "another relay", func() error {
		if after = status(t, gateway, "gate"); after.Path == before.Path || !strings.Contains(after.Path, "(relay)") {
			return fmt.Errorf("the path is %q", after.Path)
		}
		return nil
	})
	moved := time.Now()
	parts.Eventually(t, 10*time.Second, "video by it", func() error { return viewer.FlowsSince("gate", moved) })
	t.Logf("moved after %.1f s, no packet for %.1f s", moved.Sub(changed).Seconds(), viewer.LongestGap("gate", changed, time.Now()).Seconds())
	if after.Sessions != before.Sessions {
		t.Errorf("%d sessions, then %d: want the same one", before.Sessions, after.Sessions)
	}
}

// playsInRoom publishes a camera of the box to a room and returns once it is seen
// there.
func playsInRoom(t *testing.T, box *parts.Box, lk *parts.LiveKit, env ...string) (*parts.Gateway, *parts.Subscriber) {
	t.Helper()
	camera := boxCamera(t, box, camsim.Config{})
	gateway := box.StartGateway("rtsp2whip", site(lk, "server", "site", entry{name: "gate", url: camera.URL()}), env...)
	viewer := lk.Subscribe(t, "site")
	took := parts.Eventually(t, 40*time.Second, "video in the room", func() error {
		if err := viewer.FlowsSince("gate", time.Time{}); err != nil {
			return errors.Join(err, fmt.Errorf("%+v", status(t, gateway, "gate")))
		}
		return nil
	})
	t.Logf("video in the room after %.1f s by %s", took.Seconds(), status(t, gateway, "gate").Path)
	return gateway, viewer
}
