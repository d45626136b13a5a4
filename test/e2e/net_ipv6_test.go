//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// The box has no IPv4 address but that of its loopback interface.
func TestIPv6Only(t *testing.T) {
	t.Parallel()
	if !parts.Isolated(t) {
		return
	}
	box := parts.NewBox(t, parts.BoxIPv6)
	lk := parts.StartLiveKitWith(t, parts.LiveKitOptions{Host: parts.FarIPv6})
	gateway, _ := playsInRoom(t, box, lk)
	if path := status(t, gateway, "gate").Path; !strings.HasPrefix(path, "["+parts.BoxIPv6+"]:") {
		t.Errorf("the path is %s", path)
	}
}
