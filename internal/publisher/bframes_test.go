package publisher

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// playing is a camera that plays a clip.
func playing(t *testing.T, name string) *fakeCamera {
	t.Helper()
	v, err := testdata.Clip(name)
	if err != nil {
		t.Fatal(err)
	}
	cam := videoOnly()
	cam.tracks[0].Codec = v.Codec
	cam.tracks[0].ParameterSets = v.ParameterSets
	cam.plays = func(n int) ([][]byte, int) {
		i := n % len(v.AccessUnits)
		return v.AccessUnits[i], v.Reorder[i]
	}
	return cam
}

func TestBFramesAreRefused(t *testing.T) {
	cam, target := playing(t, "360p-bframes"), &fakeTarget{}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		s := wantState(t, p, Reconnecting)
		if !strings.Contains(s.Reason, "B-frames") || !strings.Contains(s.Hint, "set its H.264 profile") || !strings.Contains(s.Hint, "b_frames: drop") {
			t.Errorf("reason: %s (%s)", s.Reason, s.Hint)
		}
		if n := target.tries.Load(); n != 0 {
			t.Errorf("%d sessions were made", n)
		}
		after(time.Minute)
		if n := cam.opens.Load(); n < 2 || n > 7 {
			t.Errorf("the camera was opened %d times in a minute", n)
		}
	})
}

// A camera whose settings are changed in mid-session is shown no longer, and its
// participant does not stay for hold.
func TestBFramesThatComeLater(t *testing.T) {
	plain, b := playing(t, "360p-main"), playing(t, "360p-bframes")
	cam, target := playing(t, "360p-main"), &fakeTarget{}
	cam.plays = func(n int) ([][]byte, int) {
		if n < 250 {
			return plain.plays(n)
		}
		return b.plays(n - 250)
	}
	bubble(t, cam, target, func(c *Config) { c.Hold = time.Minute }, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		wantState(t, p, Live)
		after(7 * time.Second)
		s := wantState(t, p, Reconnecting)
		if !strings.Contains(s.Reason, "B-frames") || target.all()[0].closed.Load() != 1 {
			t.Errorf("reason: %s; session closed %d times", s.Reason, target.all()[0].closed.Load())
		}
	})
}

func TestBFramesAreDropped(t *testing.T) {
	cam, target := playing(t, "360p-bframes"), &fakeTarget{}
	bubble(t, cam, target, func(c *Config) { c.DropBFrames = true }, func(t *testing.T, p *Publisher) {
		after(10 * time.Second)
		if s := wantState(t, p, Live); s.Reason != "" || s.FPS < 7 || s.FPS > 10 {
			t.Errorf("reason %q, %.1f fps", s.Reason, s.FPS)
		}
		checkLine(t, target.all()[0].packets(0))
	})
}

// Looking for B-frames does not hold up a camera that has none.
func TestNoBFrames(t *testing.T) {
	for _, name := range []string{"360p-baseline", "360p-main", "1080p-high"} {
		cam, target := playing(t, name), &fakeTarget{err: errors.New("not now")}
		bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
			after(300 * time.Millisecond)
			if target.tries.Load() == 0 {
				t.Errorf("%s: no session is tried after 300 ms: %+v", name, p.Status())
			}
		})
	}
}
