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
	path, took := playsInRoom(t, box, lk, "")
	t.Logf("video in the room after %.1f s by %s", took.Seconds(), path)
	if !strings.Contains(path, "(relay)") {
		t.Errorf("the path is %s, want one by the TURN server", path)
	}
}

// playsInRoom publishes a camera of the box to a room until it has been seen there, and
// returns the path that its media took. More goes into the site's file.
func playsInRoom(t *testing.T, box *parts.Box, lk *parts.LiveKit, more string, env ...string) (path string, took time.Duration) {
	t.Helper()
	camera := boxCamera(t, box, camsim.Config{})
	began := time.Now()
	gateway := box.StartGateway("rtsp2whip", site(lk, "server", "site", entry{name: "gate", url: camera.URL()})+more, env...)
	viewer := lk.Subscribe(t, "site")
	parts.Eventually(t, 40*time.Second, "video in the room", func() error {
		if err := viewer.FlowsSince("gate", time.Time{}); err != nil {
			return errors.Join(err, fmt.Errorf("%+v", status(t, gateway, "gate")))
		}
		return nil
	})
	return status(t, gateway, "gate").Path, time.Since(began)
}
