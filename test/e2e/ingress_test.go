//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// Cameras of several kinds go through LiveKit Ingress into a browser: with
// audio that Ingress takes, with audio that has to be turned into that,
// without audio, and with High profile video.
func TestIngressToBrowser(t *testing.T) {
	lk, _ := parts.StartLiveKitWithIngress(t)
	kinds := []struct {
		name string
		cfg  camsim.Config
		hear string // the audio codec that the browser gets
	}{
		{"gate", camsim.Config{Clip: "360p-baseline", Audio: "opus"}, "audio/opus"},
		{"yard", camsim.Config{Clip: "720p-main"}, ""},
		{"dock", camsim.Config{Clip: "360p-high"}, ""},
		{"shop", camsim.Config{Clip: "360p-baseline", Audio: "pcmu"}, "audio/PCMA"},
	}
	cameras := make(map[string]*camsim.Camera)
	var entries []entry
	var names []string
	for _, k := range kinds {
		c := startCamera(t, k.cfg)
		cameras[k.name] = c
		entries = append(entries, entry{name: k.name, url: c.URL()})
		names = append(names, k.name)
	}
	file := site(lk, "ingress", "site", entries...)
	gateway := parts.StartGateway(t, "rtsp2whip", file)
	gateway.WaitLive(40*time.Second, names...)

	browser := parts.StartBrowser(t)
	browser.Watch(lk, "site")
	waitPictures(t, browser, 30*time.Second, cameras)
	compareFrames(t, browser, cameras, 10*time.Second, 0.05)
	saveScreenshot(t, browser, "room.png")
	for _, k := range kinds {
		checkAudio(t, browser, k.name, k.hear)
	}
	if w, err := browser.Watched(); err != nil {
		t.Error(err)
	} else if v := w["yard"].Video; v.FrameWidth != 1280 || v.FrameHeight != 720 {
		t.Errorf("yard: %dx%d, want 1280x720", v.FrameWidth, v.FrameHeight)
	}

	// A gateway that died and comes back finds its ingresses again.
	before := ingressIDs(t, lk, "site")
	gateway.Kill()
	gateway.Start()
	gateway.WaitLive(40*time.Second, names...)
	if after := ingressIDs(t, lk, "site"); len(before) != len(names) || !maps.Equal(before, after) {
		t.Errorf("ingresses before and after a restart: %v, %v; want the same %d", before, after, len(names))
	}
	waitMoving(t, browser, cameras)
}

// checkAudio waits until the browser hears a participant, or makes sure that
// there is nothing to hear.
func checkAudio(t testing.TB, b *parts.Browser, identity, codec string) {
	t.Helper()
	parts.Eventually(t, 10*time.Second, identity+" is heard as it should be", func() error {
		seen, err := b.Watched()
		if err != nil {
			return err
		}
		a := seen[identity].Audio
		switch {
		case codec == "" && a == nil:
			return nil
		case codec == "":
			return fmt.Errorf("there is audio: %+v", *a)
		case a == nil:
			return fmt.Errorf("no audio")
		case a.Codec != codec || a.PacketsReceived < 100 || a.Energy == 0:
			return fmt.Errorf("%+v, want %s that is not silent", *a, codec)
		}
		return nil
	})
}

// waitMoving waits until every camera's picture moves again.
func waitMoving(t testing.TB, b *parts.Browser, cameras map[string]*camsim.Camera) {
	t.Helper()
	parts.Eventually(t, 20*time.Second, "every picture moves again", func() error {
		first, err := b.Watched()
		if err != nil {
			return err
		}
		parts.Pause(time.Second)
		second, err := b.Watched()
		if err != nil {
			return err
		}
		for identity := range cameras {
			x, y := first[identity].Video, second[identity].Video
			if x == nil || y == nil || y.FramesDecoded-x.FramesDecoded < 15 {
				return fmt.Errorf("%s stands still: %+v, a second later %+v", identity, x, y)
			}
		}
		return nil
	})
}

// ingressIDs lists a room's ingresses by participant identity.
func ingressIDs(t testing.TB, lk *parts.LiveKit, room string) map[string]string {
	t.Helper()
	list, err := lk.Ingresses(context.Background(), room)
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]string)
	for _, i := range list {
		if other := ids[i.ParticipantIdentity]; other != "" {
			t.Errorf("%s has two ingresses, %s and %s", i.ParticipantIdentity, other, i.IngressId)
		}
		ids[i.ParticipantIdentity] = i.IngressId
	}
	return ids
}
