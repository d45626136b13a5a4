//go:build e2e && full

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// A Redis that loses everything takes the ingresses with it: they are made again
// as soon as a session needs them, and so is every camera's place in the room.
func TestRedisFlushed(t *testing.T) {
	lk, ingress := parts.StartLiveKitWithIngress(t)
	camera := startCamera(t, camsim.Config{})
	gateway := parts.StartGateway(t, "rtsp2whip", named(lk, "north", "yard",
		entry{name: "one", url: camera.URL()}, entry{name: "two", url: camera.URL()}))
	gateway.WaitLive(30*time.Second, "one", "two")
	before := markers(t, lk)

	lk.FlushRedis(t)
	ingress.Kill() // its sessions are what a flush leaves alone
	ingress.Start()
	ingress.WaitReady()
	took := parts.Eventually(t, 40*time.Second, "both cameras are in the room again, by ingresses made anew", func() error {
		list, err := lk.Ingresses(context.Background(), "")
		if err != nil {
			return err
		}
		if len(list) != 2 {
			return fmt.Errorf("%d ingresses", len(list))
		}
		for _, i := range list {
			if before[i.Name] == i.IngressId {
				return fmt.Errorf("%s is still %s", i.Name, i.IngressId)
			}
		}
		viewed := errors.Join(publishes(lk, "yard", "one"), publishes(lk, "yard", "two"))
		return viewed
	})
	t.Logf("back after %.1f s", took.Seconds())
}
