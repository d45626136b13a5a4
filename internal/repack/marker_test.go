package repack

import (
	"testing"
)

func TestMarkers(t *testing.T) {
	sei := []byte{6, 5, 1, 0, 0x80}
	k := key(800)
	two := func(n uint32) [][]byte {
		return pic(makeSlice(sliceSpec{typ: 5, frameNum: n, size: 400}),
			makeSlice(sliceSpec{typ: 5, frameNum: n, firstMB: 600, size: 400}))
	}
	for _, tt := range []struct {
		name   string
		marked func(au, units, i int, nalu []byte) bool
		early  int // access units that are closed too early before the lie is found out
	}{
		{"honest", func(_, n, i int, _ []byte) bool { return i == n-1 }, 0},
		{"none", func(_, n, i int, _ []byte) bool { return false }, 0},
		{"on parameter sets too", func(_, n, i int, u []byte) bool { return i == n-1 || u[0]&typeMask >= nalSPS }, 0},
		{"on parameter sets only", func(_, n, i int, u []byte) bool { return u[0]&typeMask >= nalSPS }, 0},
		{"on SEI only", func(_, n, i int, u []byte) bool { return u[0]&typeMask == nalSEI }, 0},
		{"on every unit", func(_, n, i int, u []byte) bool { return true }, 1},
		{"now and then", func(au, n, i int, u []byte) bool { return i == n-1 && au%3 == 0 }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, VideoConfig{OnLoss: PassDamaged})
			aus := [][][]byte{k, two(1), two(2), two(3), two(4)}
			for i, au := range aus {
				g.frame()
				in := append([][]byte{{9, 0xf0}, sei}, au...)
				if i > 0 {
					in = append(in, sei) // behind the picture
				}
				for j, u := range in {
					g.push(tt.marked(i, len(in), j, u), u...)
				}
			}
			g.frame()
			g.push(false, 9, 0xf0) // proves the end of the last one
			units := g.units()
			if len(units) != len(aus) {
				t.Fatalf("%d access units, want %d", len(units), len(aus))
			}
			for i, u := range units {
				if !u.closed {
					t.Errorf("access unit %d has no marker", i)
				}
				want := aus[i]
				if i > 0 && i <= tt.early {
					want = want[:1]
				}
				if err := sameUnits(u.nalus, want); err != nil {
					t.Errorf("access unit %d: %v", i, err)
				}
			}
			if s := g.r.Stats(); s.NeedKeyFrame != (tt.early > 0) || s.DamagedUnits != uint64(tt.early) {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// An honest camera's access unit is out, marker and all, as soon as its last
// packet is in, and its fragments before that.
func TestNoWaiting(t *testing.T) {
	g := newRig(t, VideoConfig{})
	g.send(key(100))
	g.frame()
	before := len(g.out)
	f := fragments(delta(1, 20000)[0], 1400)
	for i, b := range f {
		g.push(i == len(f)-1, b...)
		if sent, in := len(g.out)-before, i+1; sent < in-1 {
			t.Fatalf("%d packets sent after %d came in", sent, in)
		}
	}
	if !g.out[len(g.out)-1].Marker {
		t.Error("the marker is not out")
	}
}

// A camera that is caught gets its trust back.
func TestTrustReturns(t *testing.T) {
	g := newRig(t, VideoConfig{OnLoss: PassDamaged})
	g.send(key(100))
	g.frame()
	g.push(true, makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 100})...)
	g.push(true, makeSlice(sliceSpec{typ: 5, frameNum: 1, firstMB: 600, size: 100})...)
	if !g.r.Stats().NeedKeyFrame {
		t.Error("no key frame is asked for to repair the half picture")
	}
	n := len(g.out)
	g.send(delta(2, 100))
	if len(g.out) != n {
		t.Fatal("the marker is believed right after a lie")
	}
	for i := range uint32(trustAfter + 1) {
		g.send(delta(3+i, 100))
	}
	if !g.out[len(g.out)-1].Marker {
		t.Errorf("the marker is not believed after %d right ones", trustAfter)
	}
}

// One wrong marker among many right ones starts the count again.
func TestTrustNeedsAllRight(t *testing.T) {
	g := newRig(t, VideoConfig{OnLoss: PassDamaged})
	g.send(key(100))
	two := func() [][]byte {
		return pic(makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 100}), makeSlice(sliceSpec{typ: 5, frameNum: 1, firstMB: 600, size: 100}))
	}
	for i := range 3 * trustAfter {
		g.frame()
		au := two()
		g.push(i%(trustAfter-1) == 0, au[0]...)
		g.push(true, au[1]...)
	}
	if s := g.r.Stats(); s.DamagedUnits != 1 {
		t.Errorf("%d access units damaged by wrong markers, want 1", s.DamagedUnits)
	}
}

// A marker on what is dropped between two slices ends nothing.
func TestMarkerBetweenSlices(t *testing.T) {
	g := newRig(t, VideoConfig{})
	k := key(100)
	au := pic(makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 100}), makeSlice(sliceSpec{typ: 5, frameNum: 1, firstMB: 600, size: 100}))
	g.send(k)
	g.frame()
	g.push(false, au[0]...)
	g.push(true, 6, 5, 1, 0, 0x80)
	g.push(true, testSPS...)
	g.push(true, au[1]...)
	g.want(k, au)
}

// Two pictures with one timestamp are two pictures.
func TestSameTimestampTwice(t *testing.T) {
	g := newRig(t, VideoConfig{})
	g.send(key(100))
	g.send(delta(1, 100))
	d := delta(2, 100)
	g.push(true, d[0]...)
	g.want(key100(g), g.closed()[1], d)
	if s := g.r.Stats(); s.NeedKeyFrame {
		t.Error("key frame needed")
	}
}

// So are they with something of another timestamp between them.
func TestSameTimestampAgain(t *testing.T) {
	g := newRig(t, VideoConfig{})
	g.send(key(100))
	g.send(delta(1, 100))
	g.ts += 3600
	g.push(true, testSPS...)
	g.ts -= 3600
	g.push(true, delta(2, 100)[0]...)
	if n := len(g.closed()); n != 3 {
		t.Errorf("%d access units, want 3", n)
	}
}

func key100(g *rig) [][]byte { return g.closed()[0] }

// A key frame that has its timestamp in common with a picture before it, and no
// marker between them, still gets its parameter sets.
func TestKeyFrameSharesTimestamp(t *testing.T) {
	g := newRig(t, VideoConfig{})
	k, d := key(100), delta(1, 100)
	g.send(k)
	g.frame()
	g.push(false, d[0]...)
	g.push(true, k[2]...)
	g.send(delta(1, 100))
	got := g.closed()
	if err := sameUnits(got[1], pic(d[0], k[0], k[1], k[2])); err != nil {
		t.Error(err)
	}
	if s := g.r.Stats(); s.KeyFrames != 2 {
		t.Errorf("stats: %+v", s)
	}
}
