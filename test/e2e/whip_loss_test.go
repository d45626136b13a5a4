//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// One packet in fifty is lost in each direction, on a path of 20 ms each way, and
// Chromium still decodes 99 of a hundred frames: what is lost is sent again.
func TestLossToBrowser(t *testing.T) {
	const measured = 15 * time.Second
	var relay *parts.Relay
	page := parts.StartAnswerer(t, parts.AnswererOptions{Relay: func(page netip.AddrPort) netip.AddrPort {
		relay = parts.StartRelay(t, page, parts.Impairment{Loss: 0.02, Delay: 20 * time.Millisecond, Seed: 7})
		return relay.Addr()
	}})
	camera := startCamera(t, camsim.Config{Clip: "360p-main", Faults: camsim.Faults{PadAll: 5000}})
	gateway := parts.StartGateway(t, "rtsp2whip", site(nil, "", "", entry{name: "gate", url: camera.URL(), whip: page.WHIP()}))
	gateway.WaitLive(30*time.Second, "gate")
	waitDecoded(t, page, 25)
	for range 5 {
		before := settledPictures(t, page, camera)
		camera.Freeze(false)
		parts.Pause(measured)
		f := settledPictures(t, page, camera).minus(before)
		t.Logf("%d frames sent, %d received, %d decoded; %s", f.sent, f.received, f.decoded, relay)
		if f.decoded >= f.sent*99/100 && f.sent > 0 {
			checkRepairs(t, gateway, page)
			return
		}
		t.Log("once more: the machine may be too busy")
	}
	t.Fatal("fewer than 99 % of the frames were decoded, five times: too few arrive, or the machine is too busy")
}

// checkRepairs makes sure that there was something to repair.
func checkRepairs(t *testing.T, gateway *parts.Gateway, page *parts.Answerer) {
	t.Helper()
	cameras, err := gateway.Cameras()
	if err != nil {
		t.Fatal(err)
	}
	v, err := page.Video()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the gateway: %+v; the page: %+v", cameras["gate"], *v)
	if cameras["gate"].Nacked == 0 || v.NACKs == 0 {
		t.Error("nothing was lost, or nothing asked for again")
	}
}

// waitDecoded waits until the page has decoded so many frames.
func waitDecoded(t testing.TB, page *parts.Answerer, n int) {
	t.Helper()
	parts.Eventually(t, 20*time.Second, "the page decodes", func() error {
		switch v, err := page.Video(); {
		case err != nil:
			return err
		case v == nil:
			return errors.New("it receives nothing")
		case v.FramesDecoded < n:
			return fmt.Errorf("%d frames decoded", v.FramesDecoded)
		}
		return nil
	})
}

// settledPictures stops the camera, and counts its pictures once no more of them are
// on their way to the page.
func settledPictures(t testing.TB, page *parts.Answerer, camera *camsim.Camera) frames {
	t.Helper()
	camera.Freeze(true)
	var last frames
	since := time.Now()
	parts.Eventually(t, 20*time.Second, "the last picture arrives", func() error {
		v, err := page.Video()
		if err != nil || v == nil {
			return errors.Join(err, errors.New("the page receives nothing"))
		}
		now := frames{sent: int(camera.Stats().AccessUnits), received: v.FramesReceived, decoded: v.FramesDecoded}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) < 500*time.Millisecond {
			return errors.New("pictures still arrive")
		}
		return nil
	})
	return last
}
