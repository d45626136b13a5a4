//go:build e2e && full

package e2e

import (
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// A box that loses its power leaves its participant behind: for 15 s at
// livekit-server, for 30 s at a terminating Ingress. The second box takes over after
// that, and at most 18 s of looking and waiting.
func TestBoxWithoutPower(t *testing.T) {
	kill := func(g *parts.Gateway) { g.Kill() }
	t.Run("server", func(t *testing.T) { standbyPair(t, parts.StartLiveKit(t), "server", 45*time.Second, kill) })
	t.Run("ingress", func(t *testing.T) {
		lk, _ := parts.StartLiveKitWithIngress(t)
		standbyPair(t, lk, "ingress", 60*time.Second, kill)
	})
}
