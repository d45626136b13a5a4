package repack

import (
	"slices"
	"testing"
	"time"
)

func TestLoss(t *testing.T) {
	// What the camera sends: access units as packets, and which are lost.
	big := func(frameNum uint32, disposed bool) [][]byte {
		return fragments(makeSlice(sliceSpec{typ: 5, frameNum: frameNum, size: 6000, disposed: disposed}), 1000)
	}
	bigKey := func() [][]byte {
		return append([][]byte{stapA(testSPS, testPPS)}, fragments(makeSlice(sliceSpec{idr: true, typ: 7, size: 6000}), 1000)...)
	}
	two := func(frameNum uint32) [][]byte {
		return pic(makeSlice(sliceSpec{typ: 5, frameNum: frameNum, size: 400}),
			makeSlice(sliceSpec{typ: 5, frameNum: frameNum, firstMB: 600, size: 400}))
	}
	backwards := func(frameNum uint32) [][]byte {
		au := two(frameNum)
		slices.Reverse(au)
		return au
	}
	type lost map[[2]int]bool // access unit, packet
	lostFrom := func(from, to int) lost {
		l := lost{}
		for i := from; i <= to; i++ {
			l[[2]int{i, 0}] = true
		}
		return l
	}
	sei := []byte{6, 5, 1, 0, 0x80}
	for _, tt := range []struct {
		name          string
		aus           [][][]byte
		lost          lost
		freeze, pass  []int // the access units that are sent in full
		need          bool  // a key frame, at the end
		damaged, skip int   // counts with Freeze
	}{
		{"nothing", [][][]byte{bigKey(), big(1, false), delta(2, 100)}, nil,
			[]int{0, 1, 2}, []int{0, 1, 2}, false, 0, 0},
		{"amid a reference picture", [][][]byte{bigKey(), big(1, false), delta(2, 100), delta(3, 100)}, lost{{1, 2}: true},
			[]int{0}, []int{0, 2, 3}, true, 1, 2},
		{"start of a reference picture", [][][]byte{bigKey(), big(1, false), delta(2, 100)}, lost{{1, 0}: true},
			[]int{0}, []int{0, 2}, true, 1, 1},
		{"end of a reference picture", [][][]byte{bigKey(), big(1, false), delta(2, 100)}, lost{{1, 5}: true},
			[]int{0}, []int{0, 2}, true, 1, 1},
		{"a whole reference picture", [][][]byte{bigKey(), delta(1, 100), delta(2, 100)}, lost{{1, 0}: true},
			[]int{0}, []int{0, 2}, true, 0, 1},
		{"first of two slices", [][][]byte{bigKey(), two(1), delta(2, 100)}, lost{{1, 0}: true},
			[]int{0}, []int{0, 2}, true, 1, 1},
		{"second of two slices", [][][]byte{bigKey(), two(1), delta(2, 100)}, lost{{1, 1}: true},
			[]int{0}, []int{0, 2}, true, 1, 1},
		{"until the next key frame", [][][]byte{bigKey(), big(1, false), delta(2, 100), bigKey(), delta(1, 100)}, lost{{1, 2}: true},
			[]int{0, 3, 4}, []int{0, 2, 3, 4}, false, 1, 1},
		{"of that key frame too", [][][]byte{bigKey(), big(1, false), bigKey(), delta(1, 100), bigKey()}, lost{{1, 2}: true, {2, 3}: true},
			[]int{0, 4}, []int{0, 3, 4}, false, 2, 1},
		{"amid a non-reference picture", [][][]byte{bigKey(), big(1, true), delta(1, 100), delta(2, 100)}, lost{{1, 2}: true},
			[]int{0, 2, 3}, []int{0, 2, 3}, false, 1, 0},
		{"start of a non-reference picture", [][][]byte{bigKey(), big(1, true), delta(1, 100)}, lost{{1, 0}: true},
			[]int{0, 2}, []int{0, 2}, false, 1, 0},
		{"end of a non-reference picture", [][][]byte{bigKey(), big(1, true), delta(1, 100)}, lost{{1, 5}: true},
			[]int{0, 2}, []int{0, 2}, false, 1, 0},
		{"a whole non-reference picture", [][][]byte{bigKey(), delta(1, 100), big(2, true), delta(2, 100)},
			lost{{2, 0}: true, {2, 1}: true, {2, 2}: true, {2, 3}: true, {2, 4}: true, {2, 5}: true},
			[]int{0, 1, 3}, []int{0, 1, 3}, false, 0, 0},
		{"non-reference pictures around a reference one", [][][]byte{bigKey(), spare(1, 100), delta(1, 100), spare(2, 100), delta(2, 100)},
			lost{{1, 0}: true, {2, 0}: true, {3, 0}: true},
			[]int{0}, []int{0, 4}, true, 0, 1},
		{"frame numbers wrap", [][][]byte{bigKey(), delta(15, 100), spare(16, 100), delta(16, 100)}, lost{{2, 0}: true},
			[]int{0, 1, 3}, []int{0, 1, 3}, false, 0, 0},
		{"16 reference pictures, as many as frame numbers", append([][][]byte{bigKey(), delta(1, 100)},
			append(slices.Repeat([][][]byte{delta(1, 100)}, 16), delta(2, 100))...), lostFrom(2, 17),
			[]int{0, 1}, []int{0, 1, 18}, true, 0, 1},
		{"first slice, behind a delimiter", [][][]byte{bigKey(), append(pic(sei), two(1)...), delta(2, 100)}, lost{{1, 1}: true},
			[]int{0}, []int{0, 2}, true, 1, 1},
		{"slices in any order", [][][]byte{bigKey(), spare(1, 100), backwards(1), backwards(2)}, lost{{1, 0}: true},
			[]int{0}, []int{0, 3}, true, 1, 1},
		{"of a non-reference picture, slices in any order after that", [][][]byte{bigKey(), big(1, true), delta(1, 100), backwards(2)}, lost{{1, 2}: true},
			[]int{0, 2, 3}, []int{0, 2, 3}, false, 1, 0},
		{"behind the marker, slices in any order after that", [][][]byte{bigKey(), delta(1, 100), backwards(2)}, lost{},
			[]int{0, 1, 2}, []int{0, 1, 2}, false, 0, 0},
		{"only SEI", [][][]byte{bigKey(), pic(sei, delta(1, 100)[0]), delta(2, 100)}, lost{{1, 0}: true},
			[]int{0, 1, 2}, []int{0, 1, 2}, false, 0, 0},
		{"before the first key frame", [][][]byte{delta(1, 100), delta(2, 100), delta(3, 100)}, lost{{1, 0}: true},
			[]int{0, 2}, []int{0, 2}, true, 0, 0},
		{"truncated aggregate", [][][]byte{bigKey(), {stapA(delta(1, 100)[0])[:60]}, delta(2, 100)}, nil,
			[]int{0}, []int{0, 2}, true, 1, 1},
	} {
		for _, mode := range []OnLoss{Freeze, PassDamaged} {
			name, want := "freeze", tt.freeze
			if mode == PassDamaged {
				name, want = "pass", tt.pass
			}
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				g := newRig(t, VideoConfig{OnLoss: mode})
				first := g.ts
				line := map[uint32]int{} // outgoing timestamps, relative to the first
				for i, au := range tt.aus {
					g.frame()
					line[g.ts-first-3600] = i
					for j, b := range au {
						if tt.lost[[2]int{i, j}] {
							g.seq++
							continue
						}
						g.push(j == len(au)-1, b...)
					}
				}
				var got []int
				for _, u := range g.units() {
					if u.closed {
						got = append(got, line[u.ts-g.out[0].Timestamp])
					}
				}
				if len(got) != len(want) {
					t.Fatalf("sent in full: %v, want %v", got, want)
				}
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("sent in full: %v, want %v", got, want)
					}
				}
				s := g.r.Stats()
				if s.NeedKeyFrame != tt.need || s.LostPackets != uint64(len(tt.lost)) {
					t.Errorf("need key frame %v, lost %d", s.NeedKeyFrame, s.LostPackets)
				}
				if mode == Freeze && (s.DamagedUnits != uint64(tt.damaged) || s.SkippedUnits != uint64(tt.skip)) {
					t.Errorf("damaged %d, skipped %d; want %d, %d", s.DamagedUnits, s.SkippedUnits, tt.damaged, tt.skip)
				}
			})
		}
	}
}

func TestDuplicatesAndLatePackets(t *testing.T) {
	g := newRig(t, VideoConfig{})
	k, d := key(100), delta(1, 6000)
	g.send(k)
	g.frame()
	f := fragments(d[0], 1000)
	for i, b := range f {
		g.push(i == len(f)-1, b...)
		g.seq-- // again
		g.push(i == len(f)-1, b...)
		seq, ts := g.seq, g.ts
		g.seq, g.ts = seq-5, ts-3600 // and one from before
		g.push(true, k[2]...)
		g.seq, g.ts = seq, ts
	}
	g.want(k, d)
	s := g.r.Stats()
	if s.LatePackets != uint64(2*len(f)) || s.LostPackets != 0 || s.NeedKeyFrame {
		t.Errorf("stats: %+v", s)
	}
}

// What is lost behind the marker belongs to no picture.
func TestLossBehindMarker(t *testing.T) {
	g := newRig(t, VideoConfig{})
	a := [][][]byte{key(100), delta(1, 100), pic(makeSlice(sliceSpec{typ: 5, frameNum: 2, firstMB: 9, size: 50}), makeSlice(sliceSpec{typ: 5, frameNum: 2, size: 50}))}
	g.sendAll(a[:2]...)
	g.seq++
	g.push(false, 6, 5, 1, 0, 0x80) // with the timestamp of the picture before it
	g.send(a[2])
	g.want(a...)
	if s := g.r.Stats(); s.LostPackets != 1 || s.DamagedUnits != 0 || s.NeedKeyFrame {
		t.Errorf("stats: %+v", s)
	}
}

// A new numbering, with or without a new SSRC, costs nothing between pictures.
func TestRenumbering(t *testing.T) {
	for _, tt := range []struct {
		name  string
		renum func(o *order, g *rig)
	}{
		{"far ahead before a key frame", func(_ *order, g *rig) {
			if n := len(g.out); n == 0 || g.r.Stats().AccessUnits == 2 {
				g.seq += 20000
			}
		}},
		{"far behind", func(_ *order, g *rig) { g.seq -= 20000 }},
		{"new SSRC", func(o *order, g *rig) { g.seq += 50; o.ssrc++ }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, VideoConfig{})
			a := [][][]byte{key(3000), delta(1, 3000), key(3000), delta(1, 100), delta(2, 100)}
			for _, au := range a {
				g.send(au)
				tt.renum(&g.r.order, g)
			}
			g.want(a...)
			if s := g.r.Stats(); s.LostPackets != 0 || s.NeedKeyFrame {
				t.Errorf("stats: %+v", s)
			}
		})
	}
	t.Run("amid a unit", func(t *testing.T) {
		g := newRig(t, VideoConfig{})
		k := key(100)
		g.send(k)
		g.frame()
		for _, b := range fragments(delta(1, 5000)[0], 1000) {
			g.push(false, b...)
			g.seq += 20000
		}
		g.send(k)
		g.want(k, k)
		if s := g.r.Stats(); s.DamagedUnits != 1 {
			t.Errorf("stats: %+v", s)
		}
	})
	t.Run("thousands lost behind an open picture", func(t *testing.T) {
		g := newRig(t, VideoConfig{})
		k := key(100)
		g.sendAll(k, delta(1, 100))
		g.frame()
		g.push(false, delta(2, 100)[0]...) // its other slices are lost
		g.seq += 5000
		g.sendAll(delta(3, 100), k)
		got := g.closed()
		if len(got) != 3 {
			t.Errorf("%d access units closed, want 3", len(got))
		}
		if s := g.r.Stats(); s.DamagedUnits != 1 || s.SkippedUnits != 1 {
			t.Errorf("stats: %+v", s)
		}
	})
	t.Run("a little behind", func(t *testing.T) {
		g := newRig(t, VideoConfig{})
		g.send(key(100))
		g.seq -= 50
		for range lateRun - 1 {
			g.send(delta(1, 100))
		}
		k := key(100)
		g.send(k)
		got := g.closed()
		if err := sameUnits(got[len(got)-1], k); err != nil {
			t.Error(err)
		}
		if s := g.r.Stats(); s.NeedKeyFrame {
			t.Errorf("stats: %+v", s)
		}
	})
}

// Joined amid a picture, the rest of that one is of no use; what follows flows,
// although no key frame has come.
func TestJoin(t *testing.T) {
	g := newRig(t, VideoConfig{})
	g.frame()
	g.all(fragments(delta(3, 5000)[0], 1000)[2:])
	d := [][][]byte{delta(4, 100), delta(5, 2000)}
	g.sendAll(d...)
	g.want(d...)
	s := g.r.Stats()
	if !s.NeedKeyFrame || s.DamagedUnits != 0 || s.LostPackets != 0 {
		t.Errorf("stats: %+v", s)
	}
}

func TestRestart(t *testing.T) {
	g := newRig(t, VideoConfig{})
	k := key(100)
	g.send(k)
	g.frame()
	g.push(false, fragments(delta(1, 5000)[0], 1000)[0]...)
	g.r.Restart()
	if !g.r.Stats().NeedKeyFrame {
		t.Error("no key frame needed after a restart")
	}
	g.seq, g.ts = 9, 5
	g.now = g.now.Add(10 * time.Second)
	g.send(delta(7, 100)) // of the new session's stream: refers to what nobody has
	g.send(k)
	g.want(k, k)
	a, b := g.out[0].Timestamp, g.out[len(g.out)-1].Timestamp
	if gap := time.Duration(b-a) * time.Second / 90000; gap < 9*time.Second || gap > 11*time.Second {
		t.Errorf("the line went on by %v, want about 10s", gap)
	}
	if s := g.r.Stats(); s.NeedKeyFrame || s.LostPackets != 0 || s.SkippedUnits != 1 {
		t.Errorf("stats: %+v", s)
	}
}

// A session that never had a key frame flows after a restart too.
func TestRestartBeforeKeyFrame(t *testing.T) {
	g := newRig(t, VideoConfig{})
	a, b := delta(3, 100), delta(9, 100)
	g.send(a)
	g.r.Restart()
	g.send(b)
	g.want(a, b)
}
