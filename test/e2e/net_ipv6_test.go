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
	path, took := playsInRoom(t, box, lk, "")
	t.Logf("video in the room after %.1f s by %s", took.Seconds(), path)
	if !strings.HasPrefix(path, "["+parts.BoxIPv6+"]:") {
		t.Errorf("the path is %s", path)
	}
}
