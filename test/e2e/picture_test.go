//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// waitPictures returns once the browser has decoded a second of every camera.
func waitPictures(t testing.TB, b *parts.Browser, limit time.Duration, cameras map[string]*camsim.Camera) {
	t.Helper()
	parts.Eventually(t, limit, "the browser shows every camera", func() error {
		seen, err := b.Watched()
		if err != nil {
			return err
		}
		for identity := range cameras {
			switch v := seen[identity].Video; {
			case seen[identity].Identity == "":
				return fmt.Errorf("%s is not in the room", identity)
			case v == nil:
				return fmt.Errorf("%s has no video", identity)
			case v.FramesDecoded < 25:
				return fmt.Errorf("%s: %d frames decoded", identity, v.FramesDecoded)
			}
		}
		return nil
	})
}

// compareFrames measures for a while, and demands that the browser decodes as
// many frames as each camera sends, within a tolerance. What a machine that is
// too busy spoils is measured again.
func compareFrames(t testing.TB, b *parts.Browser, cameras map[string]*camsim.Camera, over time.Duration, tolerance float64) {
	t.Helper()
	for range 3 {
		apart, busy := measureFrames(t, b, cameras, over, tolerance)
		if apart == nil {
			return
		}
		if !busy {
			t.Fatal(apart)
		}
		t.Logf("the machine is too busy: %v", apart)
	}
	t.Fatal("the machine has been too busy three times to measure anything")
}

// frames counts one camera's pictures on their way.
type frames struct{ sent, received, decoded int }

func (f frames) minus(o frames) frames {
	return frames{f.sent - o.sent, f.received - o.received, f.decoded - o.decoded}
}

// measureFrames tells how a camera's pictures fell short, and whether that was
// for want of CPU alone: the browser had them whole and did not decode them, or
// the simulated cameras themselves, 25 pictures a second, were late.
func measureFrames(t testing.TB, b *parts.Browser, cameras map[string]*camsim.Camera, over time.Duration, tolerance float64) (apart error, busy bool) {
	t.Helper()
	before := countFrames(t, b, cameras)
	parts.Pause(over)
	after := countFrames(t, b, cameras)
	busy = true
	for identity := range cameras {
		f := after[identity].minus(before[identity])
		t.Logf("%s: %d frames sent, %d received, %d decoded in %s", identity, f.sent, f.received, f.decoded, over)
		if f.sent > 0 && within(f.decoded, f.sent, tolerance) {
			continue
		}
		apart = errors.Join(apart, fmt.Errorf("%s: %d frames sent, %d decoded: more than %.0f %% apart", identity, f.sent, f.decoded, tolerance*100))
		late := !within(f.sent, int(over.Seconds()*25), 0.03)
		busy = busy && f.sent > 0 && (late || within(f.received, f.sent, tolerance))
	}
	return apart, busy
}

func countFrames(t testing.TB, b *parts.Browser, cameras map[string]*camsim.Camera) map[string]frames {
	t.Helper()
	seen, err := b.Watched()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]frames)
	for identity, c := range cameras {
		f := frames{sent: int(c.Stats().AccessUnits)}
		if v := seen[identity].Video; v != nil {
			f.received, f.decoded = v.FramesReceived, v.FramesDecoded
		}
		out[identity] = f
	}
	return out
}

// saveScreenshot keeps a picture of the browser for people to look at.
func saveScreenshot(t testing.TB, b *parts.Browser, name string) []byte {
	t.Helper()
	png, err := b.Screenshot()
	if err != nil {
		t.Fatalf("screenshot: %v", err)
	}
	if err := os.WriteFile(filepath.Join(parts.ArtifactDir(t), name), png, 0o644); err != nil {
		t.Fatal(err)
	}
	return png
}
