//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"regexp"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// The demo's page shows three pictures, and each of them moves.
func TestDemoPage(t *testing.T) {
	demo := parts.Run(t, parts.Command{Name: "demo", Path: parts.Binary(t), Args: []string{"demo"}, Grace: 5 * time.Second})
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+\S*`)
	var page string
	parts.Eventually(t, 20*time.Second, "the demo prints its page's address", func() error {
		if err := demo.Alive(); err != nil {
			return err
		}
		if page = address.FindString(demo.Output()); page == "" {
			return fmt.Errorf("it has written: %q", demo.Output())
		}
		return nil
	})

	browser := parts.StartBrowser(t)
	browser.Open(page)
	boxes := waitVideos(t, browser, 3)

	before := decode(t, saveScreenshot(t, browser, "demo.png"))
	parts.Pause(time.Second)
	after := decode(t, saveScreenshot(t, browser, "demo-a-second-later.png"))
	for i, box := range boxes {
		changed, colours := compare(before, after, box)
		t.Logf("picture %d %v: %.1f %% of it changed within a second, %d colours", i+1, box, changed*100, colours)
		if changed < 0.01 {
			t.Errorf("picture %d stands still", i+1)
		}
		if colours < 16 {
			t.Errorf("picture %d is (nearly) blank: %d colours", i+1, colours)
		}
	}
	if took, byItself := demo.Terminate(10 * time.Second); !byItself || took > parts.Soon(5*time.Second) {
		t.Errorf("after SIGTERM: ended by itself: %t, after %s", byItself, took)
	}
}

// waitVideos returns where on the page the videos are, once want of them play.
func waitVideos(t testing.TB, b *parts.Browser, want int) []image.Rectangle {
	t.Helper()
	const script = `Promise.resolve([...document.querySelectorAll("video")]
		.filter(v => v.videoWidth > 0 && v.currentTime > 2 && !v.paused)
		.map(v => { const r = v.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }))`
	var boxes []image.Rectangle
	parts.Eventually(t, 30*time.Second, fmt.Sprintf("%d videos play", want), func() error {
		var found [][4]float64
		if err := b.Eval(script, &found); err != nil {
			return err
		}
		if len(found) != want {
			return fmt.Errorf("%d videos play", len(found))
		}
		boxes = nil
		for _, r := range found {
			boxes = append(boxes, image.Rect(int(r[0]), int(r[1]), int(r[2]), int(r[3])))
		}
		return nil
	})
	return boxes
}

func decode(t testing.TB, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// compare tells what share of a part of two pictures differs clearly, and how
// many colours that part has (on a coarse scale).
func compare(a, b image.Image, box image.Rectangle) (changed float64, colours int) {
	box = box.Intersect(a.Bounds()).Intersect(b.Bounds())
	if box.Empty() {
		return 0, 0
	}
	const clearly = 0x1000
	seen := make(map[[3]uint32]bool)
	different := 0
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			seen[[3]uint32{r1 >> 12, g1 >> 12, b1 >> 12}] = true
			if apart(r1, r2)+apart(g1, g2)+apart(b1, b2) > clearly {
				different++
			}
		}
	}
	return float64(different) / float64(box.Dx()*box.Dy()), len(seen)
}

func apart(a, b uint32) uint32 {
	if a > b {
		return a - b
	}
	return b - a
}
