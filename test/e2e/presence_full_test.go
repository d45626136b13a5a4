//go:build e2e && full

package e2e

import (
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// A box that loses its power leaves its participant behind: for 15 s at
// livekit-server, for 30 s at a terminating Ingress. The second box takes over after
// that, and at most 18 s of looking and waiting.
func TestBoxWithoutPower(t *testing.T) {
	kill := func(g *parts.Gateway) { g.Kill() }
	t.Run("server", func(t *testing.T) { standbyPair(t, parts.StartLiveKit(t), "server", 45*time.Second, kill) })
	t.Run("sdk", func(t *testing.T) { standbyPair(t, parts.StartLiveKit(t), "sdk", 45*time.Second, kill) })
	t.Run("ingress", func(t *testing.T) {
		lk, _ := parts.StartLiveKitWithIngress(t)
		standbyPair(t, lk, "ingress", 60*time.Second, kill)
	})
	t.Run("ingress that relays", func(t *testing.T) {
		lk, _ := parts.StartIngressWith(t, parts.LiveKitOptions{}, true)
		standbyPair(t, lk, "ingress", 45*time.Second, kill)
	})
}

// Cameras on demand, one of them with rare key frames, one closed while nobody watches,
// are seen in a browser that comes, goes and comes again; through Ingress.
func TestOnDemandInBrowser(t *testing.T) {
	lk, _ := parts.StartLiveKitWithIngress(t)
	cameras := map[string]*camsim.Camera{"warm": startCamera(t, camsim.Config{Clip: "360p-longgop"}), "cold": startCamera(t, camsim.Config{Audio: "opus"})}
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "ingress, poll: 1s", "yard",
		entry{name: "warm", url: cameras["warm"].URL(), extra: ", publish: on_demand, linger: 1s"},
		entry{name: "cold", url: cameras["cold"].URL(), extra: ", publish: on_demand, on_demand: cold, linger: 1s"}))
	for name := range cameras {
		gateway.WaitState(20*time.Second, name, "waiting")
	}
	if n := cameras["cold"].Stats().Readers; n != 0 {
		t.Errorf("the cold camera has %d readers", n)
	}
	cameras["warm"].KeyFrame() // the next one comes 12 s later
	browser := parts.StartBrowser(t)
	for range 2 {
		browser.Watch(lk, "yard")
		waitPictures(t, browser, 30*time.Second, cameras)
		browser.Open("about:blank")
		for name := range cameras {
			gateway.WaitState(30*time.Second, name, "waiting")
		}
		parts.Eventually(t, 5*time.Second, "the cold camera is closed", func() error {
			return readers(cameras["cold"], 0)
		})
	}
}

// What goes through LiveKit's SDK is a picture and a sound in a browser, without a
// frame less than the camera sends.
func TestSDKToBrowser(t *testing.T) {
	lk := parts.StartLiveKit(t)
	cameras := map[string]*camsim.Camera{}
	var entries []entry
	for name, cfg := range map[string]camsim.Config{
		"gate": {Clip: "360p-baseline", Audio: "opus"}, "yard": {Clip: "720p-main"},
		"dock": {Clip: "1080p-high", Audio: "pcma"}, "shop": {Clip: "360p-slices", Audio: "pcmu"},
	} {
		cameras[name] = startCamera(t, cfg)
		entries = append(entries, entry{name: name, url: cameras[name].URL()})
	}
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "sdk", "site", entries...))
	gateway.WaitLive(30*time.Second, "gate", "yard", "dock", "shop")
	browser := parts.StartBrowser(t)
	browser.Watch(lk, "site")
	waitPictures(t, browser, 30*time.Second, cameras)
	compareFrames(t, browser, cameras, 15*time.Second, 0.05)
	for name, codec := range map[string]string{"gate": "audio/opus", "yard": "", "dock": "audio/PCMA", "shop": "audio/PCMU"} {
		checkAudio(t, browser, name, codec)
	}
}
