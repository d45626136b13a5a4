//go:build e2e

package e2e

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/feed"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// back is how soon after a part's return every camera's picture must have
// reached the viewers again.
const back = 15 * time.Second

// town is everything of TestRecovery. Two gateways publish to one room, one
// through Ingress and one straight to livekit-server; each has a camera of its
// own and one behind MediaMTX.
type town struct {
	lk      *parts.LiveKit
	ingress *parts.Ingress
	mtx     *parts.MediaMTX
	cameras map[string]*camsim.Camera
	feeds   map[string]*feed.Feed
	viewer  *parts.Subscriber
}

var (
	own           = []string{"own-ingress", "own-server"}
	behindMTX     = []string{"mtx-ingress", "mtx-server"}
	viaIngress    = []string{"own-ingress", "mtx-ingress"}
	viaServer     = []string{"own-server", "mtx-server"}
	everyCamera   = append(viaIngress[:2:2], viaServer...)
	undisturbedBy = time.Second // longest part of a stream that may be missing where it has nothing to do with a fault
)

// Each part is killed and comes back, one after the other. Every camera's video
// reaches the viewers of the room again by itself, and cameras that have nothing
// to do with the part are not disturbed.
func TestRecovery(t *testing.T) {
	w := buildTown(t)
	start := time.Now()
	w.waitFlow(t, "at the start", 60*time.Second, start, everyCamera)

	t.Log("two cameras are switched off")
	sids := w.sessions(t, own)
	off := time.Now()
	for _, c := range w.cameras {
		c.Stop()
	}
	parts.Pause(4 * time.Second)
	for _, c := range w.cameras {
		if err := c.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	w.waitFlow(t, "after the cameras' return", back, time.Now(), own)
	w.undisturbed(t, off, behindMTX)
	// The cameras came back within `hold`: the room has seen nobody leave.
	if now := w.sessions(t, own); !maps.Equal(sids, now) {
		t.Errorf("participants before and after: %v, %v; want the same", sids, now)
	}

	t.Log("MediaMTX is killed")
	off = time.Now()
	w.mtx.Kill()
	parts.Pause(3 * time.Second)
	w.mtx.Start()
	w.mtx.WaitReady()
	for name, f := range w.feeds {
		f.Close()
		w.feeds[name] = startFeed(t, w.mtx.RTSP(name), feed.Config{})
	}
	w.waitFlow(t, "after MediaMTX's return", back, time.Now(), behindMTX)
	w.undisturbed(t, off, own)

	t.Log("Ingress is killed")
	off = time.Now()
	w.ingress.Kill()
	parts.Pause(3 * time.Second)
	w.ingress.Start()
	w.ingress.WaitReady()
	w.waitFlow(t, "after Ingress's return", back, time.Now(), viaIngress)
	w.undisturbed(t, off, viaServer)

	t.Log("livekit-server is killed")
	w.lk.Kill()
	parts.Pause(3 * time.Second)
	w.lk.Start()
	w.lk.WaitReady()
	returned := time.Now()
	w.viewer.Rejoin()
	w.waitFlow(t, "after livekit-server's return", back, returned, everyCamera)
	if n := len(ingressIDs(t, w.lk, "town")); n != len(viaIngress) {
		t.Errorf("%d ingresses in the end, want %d", n, len(viaIngress))
	}
}

func buildTown(t *testing.T) *town {
	t.Helper()
	w := &town{cameras: make(map[string]*camsim.Camera), feeds: make(map[string]*feed.Feed)}
	w.lk, w.ingress = parts.StartLiveKitWithIngress(t)
	w.mtx = parts.StartMediaMTX(t)
	urls := make(map[string]string)
	for _, name := range own {
		w.cameras[name] = startCamera(t, camsim.Config{})
		urls[name] = w.cameras[name].URL()
	}
	for _, name := range behindMTX {
		urls[name] = w.mtx.RTSP(name)
		w.feeds[name] = startFeed(t, urls[name], feed.Config{})
	}
	for via, names := range map[string][]string{"ingress": viaIngress, "server": viaServer} {
		var entries []entry
		for _, name := range names {
			entries = append(entries, entry{name: name, url: urls[name]})
		}
		parts.StartGateway(t, "rtsp2whip-"+via, site(w.lk, via, "town", entries...))
	}
	w.viewer = w.lk.Subscribe(t, "town")
	return w
}

// waitFlow waits until the viewer gets video of these cameras, sent since then.
func (w *town) waitFlow(t *testing.T, when string, limit time.Duration, since time.Time, names []string) {
	t.Helper()
	deadline := limit - time.Since(since)
	parts.Eventually(t, deadline, "video "+when, func() error {
		var missing []error
		for _, name := range names {
			missing = append(missing, w.viewer.FlowsSince(name, since))
		}
		return errors.Join(missing...)
	})
	t.Logf("video of %v %s: %.1f s", names, when, time.Since(since).Seconds())
}

// undisturbed checks that of these cameras nothing is missing since then, and that they
// flow on.
func (w *town) undisturbed(t *testing.T, since time.Time, names []string) {
	t.Helper()
	now := time.Now()
	for _, name := range names {
		parts.Eventually(t, undisturbedBy, name+" flows on", func() error {
			missed, err := w.viewer.MissedSince(name, since, now)
			if missed > undisturbedBy {
				t.Errorf("%s was disturbed: %s of it are missing", name, missed)
			}
			return err
		})
	}
}

// sessions tells the participant's session of each camera.
func (w *town) sessions(t *testing.T, names []string) map[string]string {
	t.Helper()
	all, err := w.lk.Participants(context.Background(), "town")
	if err != nil {
		t.Fatal(err)
	}
	sids := make(map[string]string)
	for _, p := range all {
		if slices.Contains(names, p.Identity) {
			sids[p.Identity] = p.Sid
		}
	}
	return sids
}
