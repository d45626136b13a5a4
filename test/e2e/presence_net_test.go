//go:build e2e && full && linux

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

// A firewall lets no UDP out of the box. By LiveKit's SDK the camera gets into the room
// over the TURN server that LiveKit names.
func TestSDKOverTURN(t *testing.T) {
	t.Parallel()
	if !parts.Isolated(t) {
		return
	}
	box := parts.NewBox(t, parts.BoxIPv4)
	turn := parts.StartCoturn(t, parts.FarIPv4, nil)
	lk := parts.StartLiveKitWith(t, parts.LiveKitOptions{Host: parts.FarIPv4, RTC: turn.LiveKit("tcp")})
	box.Firewall("meta l4proto udp")
	camera := boxCamera(t, box, camsim.Config{})
	gateway := box.StartGateway("rtsp2whip", site(lk, "sdk", "site", entry{name: "gate", url: camera.URL()}))
	viewer := lk.Subscribe(t, "site")
	parts.Eventually(t, 40*time.Second, "video in the room", func() error {
		if err := viewer.FlowsSince("gate", time.Time{}); err != nil {
			return errors.Join(err, fmt.Errorf("%+v", status(t, gateway, "gate")))
		}
		return nil
	})
	if path := status(t, gateway, "gate").Path; !strings.Contains(path, "(relay)") {
		t.Errorf("the path is %s, want one by the TURN server", path)
	}
}
