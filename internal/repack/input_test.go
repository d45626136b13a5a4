package repack

import (
	"bytes"
	"slices"
	"testing"
)

// pic is an access unit without its parameter sets.
func pic(nalus ...[]byte) [][]byte { return nalus }

func TestInputForms(t *testing.T) {
	idr := makeSlice(sliceSpec{idr: true, typ: 7, size: 5000})
	p := makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 3000})
	small := makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 300})
	sets := [][]byte{testSPS, testPPS}
	annexB := func(long bool, nalus ...[]byte) []byte {
		var out []byte
		for _, n := range nalus {
			if long {
				out = append(out, 0)
			}
			out = append(append(out, 0, 0, 1), n...)
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		feed  func(g *rig)
		slice [][]byte // of the second access unit; the first is the key frame
	}{
		{"single", func(g *rig) { g.push(true, p...) }, pic(p)},
		{"fragments", func(g *rig) { g.all(fragments(p, 1400)) }, pic(p)},
		{"tiny fragments", func(g *rig) { g.all(fragments(small, 1)) }, pic(small)},
		{"small fragments", func(g *rig) { g.all(fragments(small, 7)) }, pic(small)},
		{"start and end in one fragment", func(g *rig) { g.all(fragments(p, 1<<16)) }, pic(p)},
		{"empty fragments", func(g *rig) {
			f := fragments(p, 1000)
			f[0][1] &^= fuStart
			empty := []byte{f[0][0], p[0]&typeMask | fuStart}
			last := slices.Clone(f[len(f)-1])
			last[1] &^= fuEnd
			end := []byte{f[0][0], p[0]&typeMask | fuEnd}
			g.all(append(append([][]byte{empty}, f[:len(f)-1]...), last, end))
		}, pic(p)},
		{"full fragments and an empty end", func(g *rig) {
			f := fragments(p[:1+2*1186], 1186)
			f[1][1] &^= fuEnd
			g.all(append(f, []byte{f[0][0], p[0]&typeMask | fuEnd}))
		}, pic(p[:1+2*1186])},
		{"header changes midway", func(g *rig) {
			f := fragments(p, 700)
			for i := 1; i < len(f); i++ {
				f[i][0], f[i][1] = 0x1c, f[i][1]&fuEnd|byte(7+i)
			}
			g.all(f)
		}, pic(p)},
		{"reserved bit", func(g *rig) {
			f := fragments(p, 700)
			for i := range f {
				f[i][1] |= 0x20
			}
			g.all(f)
		}, pic(p)},
		{"end bit missing, then another unit", func(g *rig) {
			f := fragments(p, 700)
			f[len(f)-1][1] &^= fuEnd
			for _, b := range f {
				g.push(false, b...)
			}
			g.push(true, small...)
		}, pic(p, small)},
		{"end bit missing, then another fragmented unit", func(g *rig) {
			f := fragments(p, 700)
			f[len(f)-1][1] &^= fuEnd
			g.all(append(f, fragments(small, 100)...))
		}, pic(p, small)},
		{"end bit missing at the end", func(g *rig) {
			f := fragments(p, 700)
			f[len(f)-1][1] &^= fuEnd
			g.all(f)
		}, pic(p)},
		{"STAP-A", func(g *rig) { g.push(true, stapA(small, small)...) }, pic(small, small)},
		{"STAP-A with an empty unit and trailing bytes", func(g *rig) {
			g.push(true, append(stapA(small, nil, small), 0, 0, 0)...)
		}, pic(small, small)},
		{"STAP-A with a nested one and a fragment", func(g *rig) {
			g.push(true, stapA(small, stapA(p), fragments(p, 100)[0], small)...)
		}, pic(small, small)},
		{"start code first", func(g *rig) { g.push(true, annexB(false, p)...) }, pic(p)},
		{"long start code first", func(g *rig) { g.push(true, annexB(true, p)...) }, pic(p)},
		{"several units with start codes", func(g *rig) {
			g.push(true, annexB(true, []byte{9, 0xf0}, small, p)...)
		}, pic(small, p)},
		{"start codes behind the first unit", func(g *rig) {
			g.push(true, append(bytes.Clone(small), annexB(true, p, small)...)...)
		}, pic(small, p, small)},
		{"zeros behind a unit", func(g *rig) {
			g.push(true, append(append(bytes.Clone(small), 0, 0), annexB(true, p)...)...)
		}, pic(small, p)},
		{"fragmented stream with start codes", func(g *rig) {
			b := append(bytes.Clone(small), annexB(true, p, small)...)
			g.all(fragments(b, 999))
		}, pic(small, p, small)},
		{"fragmented stream that starts with a start code", func(g *rig) {
			g.all(fragments(annexB(true, p, small), 999))
		}, pic(p, small)},
		{"reserved and undefined types", func(g *rig) {
			g.push(false, 0x60, 1, 2)
			g.push(false, 0x7e, 1, 2)
			g.push(false, 0x7f, 1, 2)
			g.push(false, 0x7c)
			g.push(true, p...)
		}, pic(p)},
		{"empty packets", func(g *rig) {
			f := fragments(p, 700)
			g.push(false, f[0]...)
			g.push(false)
			g.all(f[1:])
		}, pic(p)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, VideoConfig{})
			g.send(append(slices.Clone(sets), idr))
			g.frame()
			tt.feed(g)
			g.send(delta(2, 500)) // and the next one is not disturbed
			g.frame()
			g.push(false, 9, 0xf0) // proves its end
			got := g.closed()
			if len(got) != 3 {
				t.Fatalf("%d access units, want 3", len(got))
			}
			if err := sameUnits(got[0], append(slices.Clone(sets), idr)); err != nil {
				t.Errorf("key frame: %v", err)
			}
			if err := sameUnits(got[1], tt.slice); err != nil {
				t.Error(err)
			}
			if s := g.r.Stats(); s.NeedKeyFrame || s.Problem != "" || s.DamagedUnits != 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// all pushes the packets of one access unit, marker on the last.
func (g *rig) all(payloads [][]byte) {
	for i, b := range payloads {
		g.push(i == len(payloads)-1, b...)
	}
}

// A start code may be cut anywhere by fragmenting.
func TestStartCodeAcrossFragments(t *testing.T) {
	a := makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 50})
	b := makeSlice(sliceSpec{typ: 5, frameNum: 1, firstMB: 9, size: 50})
	stream := append(append(bytes.Clone(a), 0, 0, 0, 1), b...)
	for cut := 1; cut < len(stream)-2; cut++ {
		g := newRig(t, VideoConfig{})
		g.send(key(100))
		g.frame()
		g.push(false, append([]byte{0x7c, 1 | fuStart}, stream[1:1+cut]...)...)
		g.push(true, append([]byte{0x7c, 1 | fuEnd}, stream[1+cut:]...)...)
		got := g.closed()
		if len(got) != 2 {
			t.Fatalf("cut at %d: %d access units", cut, len(got))
		}
		if err := sameUnits(got[1], pic(a, b)); err != nil {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestSEIPass(t *testing.T) {
	sei, aud, filler := []byte{6, 4, 1, 9, 0x80}, []byte{9, 0xf0}, []byte{12, 0xff, 0x80}
	k, d := key(100), delta(1, 100)
	g := newRig(t, VideoConfig{SEI: SEIPass})
	g.send(pic(aud, sei, k[0], k[1], k[2], filler))
	g.frame()
	g.all(append(fragments(sei, 2), aud, d[0]))
	g.send(pic(sei)) // an access unit of nothing else freezes players
	last := delta(2, 100)
	g.send(last)
	g.frame()
	g.push(false, aud...)
	got := g.closed()
	if len(got) != 3 {
		t.Fatalf("%d access units, want 3", len(got))
	}
	if err := sameUnits(got[2], last); err != nil {
		t.Error(err)
	}
	if err := sameUnits(got[0], pic(k[0], k[1], sei, k[2])); err != nil {
		t.Error(err)
	}
	if err := sameUnits(got[1], pic(sei, d[0])); err != nil {
		t.Error(err)
	}
	if n := g.r.Stats().DroppedNALUs; n != 4 {
		t.Errorf("%d NAL units dropped, want 4", n)
	}
}

// Units between slices stay where they are, also where several are put together
// from fragments of one packet.
func TestSEIBetweenSlices(t *testing.T) {
	g := newRig(t, VideoConfig{SEI: SEIPass})
	g.send(key(100))
	a, b := makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 50}), makeSlice(sliceSpec{typ: 5, frameNum: 1, firstMB: 9, size: 50})
	sei1, sei2 := []byte{6, 5, 1, 7, 0x80}, []byte{6, 5, 1, 8, 0x80}
	stream := append(append(append(bytes.Clone(sei1), 0, 0, 1), sei2...), 0, 0, 1)
	g.frame()
	g.push(false, a...)
	g.push(false, append([]byte{0x1c, 6 | fuStart}, stream[1:]...)...)
	g.push(true, append([]byte{0x1c, 6 | fuEnd}, b...)...)
	got := g.closed()
	if err := sameUnits(got[1], pic(a, sei1, sei2, b)); err != nil {
		t.Error(err)
	}
}

// A unit that came in fragments leaves in one packet if it fits one.
func TestFragmentsOfWhatFits(t *testing.T) {
	for size, want := range map[int]int{1187: 1, 1188: 1, 1189: 2} {
		g := newRig(t, VideoConfig{})
		g.send(key(100))
		n := len(g.out)
		g.frame()
		g.all(fragments(delta(1, size)[0], 500))
		if got := len(g.out) - n; got != want {
			t.Errorf("%d bytes: %d packets, want %d", size, got, want)
		}
	}
}

func TestEqualFragments(t *testing.T) {
	g := newRig(t, VideoConfig{ExtensionBytes: 20})
	g.send(key(100))
	n := len(g.out)
	g.send(delta(1, 60000))
	sizes := map[int]int{}
	for _, p := range g.out[n : len(g.out)-1] {
		sizes[len(p.Payload)]++
	}
	if len(sizes) != 1 {
		t.Errorf("fragment sizes: %v", sizes)
	}
	n = len(g.out)
	g.frame()
	g.all(fragments(delta(2, 60000)[0], 1391))
	sizes = map[int]int{}
	for _, p := range g.out[n : len(g.out)-1] {
		sizes[len(p.Payload)]++
	}
	if len(sizes) != 1 {
		t.Errorf("fragment sizes of a unit that came in fragments: %v", sizes)
	}
}
