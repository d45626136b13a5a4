package repack

import (
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// playClip pushes a clip with the timestamps of its pictures, as a camera does.
func playClip(t *testing.T, g *rig, name string) *testdata.Video {
	t.Helper()
	v, err := testdata.Clip(name)
	if err != nil {
		t.Fatal(err)
	}
	start := g.ts
	for i, au := range v.AccessUnits {
		g.ts = start + uint32(i+v.Reorder[i])*3600
		g.now = g.now.Add(40 * time.Millisecond)
		for j, n := range au {
			g.push(j == len(au)-1, n...)
		}
	}
	return v
}

func TestBFramesAreFoundAndNothingElse(t *testing.T) {
	for name, want := range map[string]bool{
		"360p-bframes": true, "360p-pyramid": true, "360p-baseline": false, "360p-main": false, "360p-high": false,
		"360p-refresh": false, "360p-slices": false, "720p-main": false, "1080p-high": false,
	} {
		g := newRig(t, VideoConfig{})
		playClip(t, g, name)
		if got := g.r.BFrames(); got != want || !g.r.Judged() || g.r.Stats().BFrames != want {
			t.Errorf("%s: B-frames %v, judged %v", name, got, g.r.Judged())
		}
		g.r.Restart()
		if g.r.BFrames() {
			t.Errorf("%s: B-frames after a restart", name)
		}
	}
}

// The first B-frame shows within the pictures that Judged waits for, wherever
// the stream is joined.
func TestJudgedInTime(t *testing.T) {
	for _, name := range []string{"360p-bframes", "360p-pyramid"} {
		v, err := testdata.Clip(name)
		if err != nil {
			t.Fatal(err)
		}
		for start := range 20 {
			g := newRig(t, VideoConfig{})
			g.r.SetParameterSets(v.ParameterSets...)
			for i := start; !g.r.Judged(); i++ {
				g.send(v.AccessUnits[i])
			}
			if !g.r.BFrames() {
				t.Errorf("%s from picture %d: judged without B-frames", name, start)
			}
		}
	}
}

func TestDropBFrames(t *testing.T) {
	g := newRig(t, VideoConfig{DropBFrames: true})
	v := playClip(t, g, "360p-bframes")
	s := g.r.Stats()
	if !s.BFrames || s.Problem != "" || s.DroppedBFrames == 0 || s.AccessUnits+s.DroppedBFrames != uint64(len(v.AccessUnits)) || s.DamagedUnits != 0 {
		t.Errorf("stats: %+v", s)
	}
	sent := g.units()
	if uint64(len(sent)) != s.AccessUnits {
		t.Fatalf("%d pictures were sent, %d counted", len(sent), s.AccessUnits)
	}
	last, i := -1, 0
	for _, u := range sent {
		for ; v.Reorder[i] < 0; i++ { // a B picture
		}
		shown := i + v.Reorder[i]
		if shown <= last || u.ts-sent[0].ts != uint32(shown)*3600 || !u.closed {
			t.Fatalf("picture %d is sent at %d, after the one at %d", i, u.ts-sent[0].ts, last*3600)
		}
		last = shown
		i++
	}
}

// B pictures to which others refer stay, and the status tells.
func TestDropBFramesOfAPyramid(t *testing.T) {
	g := newRig(t, VideoConfig{DropBFrames: true})
	playClip(t, g, "360p-pyramid")
	s := g.r.Stats()
	if !s.BFrames || s.DroppedBFrames == 0 || !strings.Contains(s.Problem, "to which other frames refer") {
		t.Errorf("stats: %+v", s)
	}
	for _, u := range g.units() {
		for _, n := range u.nalus {
			if sh := g.r.codec.slice(headerOf(n), n[1:]); n[0]&typeMask == nalSlice && n[0]&refMask == 0 && sh.typ == 1 {
				t.Fatal("a B picture to which none refers was sent")
			}
		}
	}
}

// Of a B picture that is left out, nothing can be lost.
func TestLossAmongDroppedBFrames(t *testing.T) {
	main := makeSPS(spsSpec{profile: 77})
	b := makeSlice(sliceSpec{typ: 6, frameNum: 2, size: 90, disposed: true})
	g := newRig(t, VideoConfig{DropBFrames: true})
	g.sendAll(pic(main, testPPS, makeSlice(sliceSpec{idr: true, typ: 7, size: 100})), delta(1, 100))
	g.frame()
	g.push(false, b...)
	g.seq++ // its second slice
	g.push(true, makeSlice(sliceSpec{typ: 6, firstMB: 90, frameNum: 2, size: 40, disposed: true})...)
	g.seq++ // a whole one
	g.frame()
	g.send(delta(2, 100))
	if s := g.r.Stats(); s.AccessUnits != 3 || s.DamagedUnits != 0 || s.NeedKeyFrame || s.DroppedBFrames != 1 {
		t.Errorf("stats: %+v", s)
	}
}
