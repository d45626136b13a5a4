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
// many frames as each camera sends. It measures a second time if that was not
// so: a browser on a busy machine leaves out frames of its own accord.
func compareFrames(t testing.TB, b *parts.Browser, cameras map[string]*camsim.Camera, over time.Duration, tolerance float64) {
	t.Helper()
	err := framesMatch(t, b, cameras, over, tolerance)
	if err != nil {
		t.Logf("once more, because of: %v", err)
		err = framesMatch(t, b, cameras, over, tolerance)
	}
	if err != nil {
		t.Error(err)
	}
}

func framesMatch(t testing.TB, b *parts.Browser, cameras map[string]*camsim.Camera, over time.Duration, tolerance float64) error {
	t.Helper()
	decodedBefore, sentBefore := countFrames(t, b, cameras)
	parts.Pause(over)
	decodedAfter, sentAfter := countFrames(t, b, cameras)
	var all []error
	for identity := range cameras {
		decoded := decodedAfter[identity] - decodedBefore[identity]
		sent := sentAfter[identity] - sentBefore[identity]
		t.Logf("%s: %d frames sent, %d decoded in %s", identity, sent, decoded, over)
		if sent == 0 || !within(float64(decoded), float64(sent), tolerance) {
			all = append(all, fmt.Errorf("%s: %d frames sent, %d decoded: more than %.0f %% apart", identity, sent, decoded, tolerance*100))
		}
	}
	return errors.Join(all...)
}

func countFrames(t testing.TB, b *parts.Browser, cameras map[string]*camsim.Camera) (decoded, sent map[string]int) {
	t.Helper()
	seen, err := b.Watched()
	if err != nil {
		t.Fatal(err)
	}
	decoded, sent = make(map[string]int), make(map[string]int)
	for identity, c := range cameras {
		sent[identity] = int(c.Stats().AccessUnits)
		if v := seen[identity].Video; v != nil {
			decoded[identity] = v.FramesDecoded
		}
	}
	return decoded, sent
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
