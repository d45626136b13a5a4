package repack

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
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
			g := newRig(t, H264Config{})
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
		g := newRig(t, H264Config{})
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
			g := newRig(t, H264Config{OnLoss: PassDamaged})
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
	g := newRig(t, H264Config{})
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
	g := newRig(t, H264Config{OnLoss: PassDamaged})
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

// Two pictures with one timestamp are two pictures.
func TestSameTimestampTwice(t *testing.T) {
	g := newRig(t, H264Config{})
	g.send(key(100))
	g.send(delta(1, 100))
	d := delta(2, 100)
	g.push(true, d[0]...)
	g.want(key100(g), g.closed()[1], d)
	if s := g.r.Stats(); s.NeedKeyFrame {
		t.Error("key frame needed")
	}
}

func key100(g *rig) [][]byte { return g.closed()[0] }

func TestSEIPass(t *testing.T) {
	sei, aud, filler := []byte{6, 4, 1, 9, 0x80}, []byte{9, 0xf0}, []byte{12, 0xff, 0x80}
	k, d := key(100), delta(1, 100)
	g := newRig(t, H264Config{SEI: SEIPass})
	g.send(pic(aud, sei, k[0], k[1], k[2], filler))
	g.frame()
	g.all(append(fragments(sei, 2), aud, d[0]))
	g.send(pic(sei)) // an access unit of nothing else freezes players
	g.send(delta(2, 100))
	g.frame()
	g.push(false, aud...)
	got := g.closed()
	if len(got) != 3 {
		t.Fatalf("%d access units, want 3", len(got))
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

func TestEqualFragments(t *testing.T) {
	g := newRig(t, H264Config{ExtensionBytes: 20})
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

func TestStats(t *testing.T) {
	g := newRig(t, H264Config{})
	if s := g.r.Stats(); !s.NeedKeyFrame {
		t.Error("no key frame needed at the beginning")
	}
	g.sendAll(delta(5, 100), key(100), delta(1, 100))
	began := g.now.Add(40 * time.Millisecond)
	g.sendAll(key(100))
	s := g.r.Stats()
	var bytesOut uint64
	for _, p := range g.out {
		bytesOut += uint64(p.MarshalSize())
	}
	want := H264Stats{
		Packets: uint64(len(g.out)), Bytes: bytesOut, AccessUnits: 4, KeyFrames: 2,
		Width: 640, Height: 480, ProfileLevelID: "42c01e",
		LastKeyFrame: began, KeyFrameInterval: 80 * time.Millisecond,
	}
	if s != want {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	sps, pps := g.r.ParameterSets()
	if !bytes.Equal(sps, testSPS) || !bytes.Equal(pps, testPPS) {
		t.Errorf("parameter sets: %x, %x", sps, pps)
	}
}

func TestProblems(t *testing.T) {
	main := makeSPS(spsSpec{profile: 77})
	idr := makeSlice(sliceSpec{idr: true, typ: 7, size: 100})
	slowly := func(g *rig, n int, au func(i uint32) [][]byte) {
		for i := range uint32(n) {
			g.now = g.now.Add(time.Second)
			g.ts += 90000
			g.send(au(i + 1))
		}
	}
	for _, tt := range []struct {
		name, want string
		feed       func(g *rig)
	}{
		{"none", "", func(g *rig) { g.send(key(100)) }},
		{"interleaved", "mode 1", func(g *rig) {
			g.frame()
			g.push(true, 0x79, 0, 0, 0, 1, 0x65, 1)
		}},
		{"B-frames", "Baseline", func(g *rig) {
			g.send(pic(main, testPPS, idr))
			g.send(pic(makeSlice(sliceSpec{typ: 6, frameNum: 1, size: 50})))
		}},
		{"no B-frames in Baseline", "", func(g *rig) {
			g.send(key(100))
			g.send(pic(makeSlice(sliceSpec{typ: 6, frameNum: 1, size: 50})))
		}},
		{"no B-frames without reordering", "", func(g *rig) {
			g.send(pic(makeSPS(spsSpec{profile: 77, pocType: 2}), testPPS, idr))
			g.send(pic(makeSlice(sliceSpec{typ: 6, frameNum: 1, size: 50})))
		}},
		{"reordered timestamps", "B-frames", func(g *rig) {
			g.send(pic(main, testPPS, idr))
			for i := range uint32(3) {
				g.ts += 2 * 3600
				g.send(delta(i+1, 50))
				g.ts -= 3 * 3600
				g.send(spare(i+2, 50))
				g.send(spare(i+2, 50))
				g.ts += 3600
			}
		}},
		{"interlaced", "progressive", func(g *rig) {
			g.send(pic(makeSPS(spsSpec{profile: 77, interlaced: true}), testPPS, idr))
		}},
		{"data partitioning", "data partitioning", func(g *rig) {
			g.send(key(100))
			a := makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 50})
			a[0] = 0x62
			g.send(pic(a, append([]byte{0x63}, a[1:]...)))
		}},
		{"intra refresh", "intra refresh", func(g *rig) {
			slowly(g, 12, func(i uint32) [][]byte { return append(pic([]byte{6, 6, 1, 0x84, 0x80}), delta(i, 50)...) })
		}},
		{"no key frame", "no key frame", func(g *rig) {
			slowly(g, 12, func(i uint32) [][]byte { return delta(i, 50) })
		}},
		{"no key frame while waiting for one", "no key frame", func(g *rig) {
			g.sendAll(key(100), delta(1, 50))
			g.seq++
			slowly(g, 12, func(i uint32) [][]byte { return delta(i+2, 50) })
		}},
		{"rare key frames", "seconds apart", func(g *rig) {
			g.send(key(100))
			slowly(g, 12, func(i uint32) [][]byte { return delta(i, 50) })
			g.send(key(100))
		}},
		{"key frames after a long wait", "", func(g *rig) {
			slowly(g, 12, func(i uint32) [][]byte { return delta(i, 50) })
			g.sendAll(key(100), delta(1, 50), key(100))
		}},
		{"no parameter sets", "SPS and PPS", func(g *rig) { g.send(pic(idr)) }},
		{"large parameter sets", "do not fit", func(g *rig) {
			g.send(pic(makeSPS(spsSpec{pad: 1500}), testPPS, idr))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, H264Config{})
			tt.feed(g)
			s := g.r.Stats()
			if tt.want == "" && s.Problem != "" || !strings.Contains(s.Problem, tt.want) {
				t.Errorf("problem %q, want %q", s.Problem, tt.want)
			}
			if s.BFrames != (tt.name == "B-frames" || tt.name == "reordered timestamps") {
				t.Errorf("BFrames: %v", s.BFrames)
			}
			if s.Interlaced != (tt.name == "interlaced") {
				t.Errorf("Interlaced: %v", s.Interlaced)
			}
		})
	}
}

func TestProblemSentences(t *testing.T) {
	for p := problem(1); p <= problemBigSets; p <<= 1 {
		s := p.sentence()
		if !strings.HasPrefix(s, "the camera") || !strings.Contains(s, ": ") || strings.HasSuffix(s, ".") {
			t.Errorf("problem %b: %q", p, s)
		}
	}
}

// Errors of the writer reach the caller and change nothing else.
func TestWriterError(t *testing.T) {
	r := NewH264(H264Config{}, NewLine(90000))
	w := &failingWriter{}
	p := rtp.Packet{Header: rtp.Header{SequenceNumber: 1, Timestamp: 1, Marker: true}, Payload: stapA(key(100)...)}
	if err := r.Push(&p, testStart, w); err != errWriter {
		t.Errorf("error %v", err)
	}
	if w.n != 2 {
		t.Errorf("%d packets written, want 2", w.n)
	}
}
