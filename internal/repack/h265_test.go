package repack

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

func newRig265(t testing.TB, cfg VideoConfig) *rig {
	g := newRig(t, cfg)
	g.r = NewH265(cfg, g.line)
	g.check.hevc = true
	return g
}

func clip265(t testing.TB) *testdata.Video {
	t.Helper()
	v, err := testdata.Clip("h265")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func type265(u []byte) byte { return u[0] >> 1 & 0x3f }

// expected265 is what is to be sent for the clip's access units.
func expected265(v *testdata.Video) [][][]byte {
	var out [][][]byte
	for _, au := range v.AccessUnits {
		var want [][]byte
		for _, u := range au {
			if t := type265(u); t < 32 {
				if t >= 16 && len(want) == 0 {
					want = append(want, v.ParameterSets...)
				}
				want = append(want, u)
			}
		}
		out = append(out, want)
	}
	return out
}

func fragments265(u []byte, size int) [][]byte {
	var out [][]byte
	for data := u[2:]; len(data) > 0; {
		n := min(size, len(data))
		h := type265(u)
		if len(out) == 0 {
			h |= 0x80
		}
		if n == len(data) {
			h |= 0x40
		}
		out = append(out, append([]byte{u[0]&0x81 | 49<<1, u[1], h}, data[:n]...))
		data = data[n:]
	}
	return out
}

func each265(au [][]byte, size int) [][]byte {
	var out [][]byte
	for _, u := range au {
		if len(u) <= size {
			out = append(out, u)
		} else {
			out = append(out, fragments265(u, size)...)
		}
	}
	return out
}

func ap(nalus ...[]byte) []byte {
	out := []byte{48 << 1, 1}
	for _, n := range nalus {
		out = append(append(out, byte(len(n)>>8), byte(len(n))), n...)
	}
	return out
}

func packetizers265() map[string]func(au [][]byte) [][]byte {
	ways := map[string]func(au [][]byte) [][]byte{
		"single, up to 64 kB": func(au [][]byte) [][]byte { return each265(au, 65000) },
		"AP with all":         func(au [][]byte) [][]byte { return [][]byte{ap(au...)} },
		"AP of parameter sets": func(au [][]byte) [][]byte {
			n := slices.IndexFunc(au, func(u []byte) bool { return type265(u) < 32 })
			if n < 2 {
				return each265(au, 1400)
			}
			return append([][]byte{ap(au[:n]...)}, each265(au[n:], 1400)...)
		},
		"Annex B in small fragments": func(au [][]byte) [][]byte {
			return fragments265(bytes.Join(au, []byte{0, 0, 0, 1}), 77)
		},
		"Annex B in tiny fragments": func(au [][]byte) [][]byte {
			return fragments265(bytes.Join(au, []byte{0, 0, 1}), 1)
		},
	}
	for _, n := range []int{3, 20, 1176, 1177, 1178, 1179, 1180, 1181, 1400, 9000} {
		ways[fmt.Sprintf("fragments of %d", n)] = func(au [][]byte) [][]byte { return each265(au, n) }
	}
	return ways
}

func TestRoundTrip265(t *testing.T) {
	v := clip265(t)
	want := expected265(v)
	for name, packetize := range packetizers265() {
		for _, marked := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/marker %v", name, marked), func(t *testing.T) {
				g := newRig265(t, VideoConfig{ExtensionBytes: 8})
				for _, au := range v.AccessUnits {
					g.frame()
					payloads := packetize(au)
					for i, b := range payloads {
						g.push(marked && i == len(payloads)-1, b...)
					}
				}
				g.frame()
				g.push(false, 35<<1, 1, 0x50)
				g.want(want...)
				s := g.r.Stats()
				if s.AccessUnits != uint64(len(want)) || s.DamagedUnits != 0 || s.NeedKeyFrame || s.Problem != "" || s.BFrames {
					t.Errorf("stats: %+v", s)
				}
				if s.Width != v.Width || s.Height != v.Height || s.FPS != float64(v.FPS) || !strings.HasPrefix(s.ProfileLevelID, "0100") {
					t.Errorf("picture: %+v", s)
				}
			})
		}
	}
}

// pictures of H.265, made here.
func slice265(typ byte, first bool, sliceType uint32, size int) []byte {
	var w bitWriter
	w.u(1, uint32(map[bool]int{true: 1}[first]))
	if typ >= 16 {
		w.u(1, 0)
	}
	w.ue(0) // PPS
	if first {
		w.ue(sliceType)
	} else {
		w.u(8, 0x55)
	}
	w.u(8, 0xff)
	out := append([]byte{typ << 1, 1}, w.b...)
	for len(out) < size {
		out = append(out, byte(1+testRand.IntN(255)))
	}
	return out
}

const (
	sliceB265 = iota
	sliceP265
	sliceI265
)

func key265(v *testdata.Video, typ byte) [][]byte {
	return append(slices.Clone(v.ParameterSets), slice265(typ, true, sliceI265, 3000))
}

func TestLoss265(t *testing.T) {
	v := clip265(t)
	p := func(size int) [][]byte { return [][]byte{slice265(1, true, sliceP265, size)} }
	t.Run("reference picture", func(t *testing.T) {
		g := newRig265(t, VideoConfig{})
		first, again := key265(v, 19), key265(v, 20)
		g.send(first)
		g.frame()
		g.push(false, slice265(1, true, sliceP265, 100)...)
		g.seq++
		g.push(true, slice265(1, false, 0, 100)...)
		g.send(p(100))
		if !g.r.NeedKeyFrame() {
			t.Error("no key frame is needed")
		}
		g.sendAll(again)
		g.want(first, again)
		if s := g.r.Stats(); s.DamagedUnits != 1 || s.SkippedUnits != 1 || s.NeedKeyFrame {
			t.Errorf("stats: %+v", s)
		}
	})
	t.Run("non-reference picture", func(t *testing.T) {
		g := newRig265(t, VideoConfig{})
		g.send(key265(v, 19))
		g.frame()
		g.push(false, slice265(0, true, sliceP265, 100)...)
		g.seq++
		g.push(true, slice265(0, false, 0, 100)...)
		g.send(p(100))
		if s := g.r.Stats(); s.DamagedUnits != 1 || s.AccessUnits != 2 || s.NeedKeyFrame {
			t.Errorf("stats: %+v", s)
		}
	})
	t.Run("fragments", func(t *testing.T) {
		for drop := range 4 {
			g := newRig265(t, VideoConfig{})
			g.send(key265(v, 19))
			g.frame()
			for i, b := range fragments265(slice265(1, true, sliceP265, 4000), 1000) {
				if i == drop {
					g.seq++
					continue
				}
				g.push(i == 3, b...)
			}
			g.send(key265(v, 21))
			if s := g.r.Stats(); s.AccessUnits != 2 || s.KeyFrames != 2 {
				t.Errorf("fragment %d lost: %+v", drop, s)
			}
		}
	})
}

// Pictures that come behind a CRA picture and refer to pictures before it cannot
// be shown by who begins there.
func TestLeadingPictures(t *testing.T) {
	v := clip265(t)
	g := newRig265(t, VideoConfig{})
	rasl := [][]byte{slice265(9, true, sliceP265, 50)}
	tail := [][]byte{slice265(1, true, sliceP265, 60)}
	g.sendAll(key265(v, 21), rasl, tail, key265(v, 21), rasl, tail)
	if s := g.r.Stats(); s.AccessUnits != 5 || s.SkippedUnits != 1 || s.KeyFrames != 2 {
		t.Errorf("stats: %+v", s)
	}
}

func TestInput265(t *testing.T) {
	v := clip265(t)
	p := slice265(1, true, sliceP265, 200)
	for _, tt := range []struct {
		name    string
		payload []byte
		problem string
	}{
		{"PACI", append([]byte{50 << 1, 1, 0, 0}, p...), ""},
		{"reserved slice", append([]byte{22 << 1, 1}, p[2:]...), ""},
		{"filler", []byte{38 << 1, 1, 0xff, 0xff, 0x80}, ""},
		{"another layer", append([]byte{1<<1 | 1, 1}, p[2:]...), ""},
		{"temporal id 0", append([]byte{1 << 1, 0}, p[2:]...), ""},
		{"short fragment", []byte{49 << 1, 1}, ""},
		{"lone header", []byte{1 << 1, 1}, ""},
		{"SEI", []byte{39 << 1, 1, 5, 1, 0, 0x80}, ""},
		{"AP in an AP", ap(ap(p, p)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig265(t, VideoConfig{})
			key := key265(v, 19)
			g.send(key)
			g.frame()
			g.push(false, tt.payload...)
			g.push(true, p...)
			g.want(key, [][]byte{p})
			if s := g.r.Stats(); s.DroppedNALUs == 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

func TestProblems265(t *testing.T) {
	v := clip265(t)
	g := newRig265(t, VideoConfig{})
	g.send([][]byte{slice265(19, true, sliceI265, 100)})
	if s := g.r.Stats(); !strings.Contains(s.Problem, "VPS") {
		t.Errorf("problem without sets: %q", s.Problem)
	}
	// B slices alone do not reorder: this clip's set rules reordering out.
	g = newRig265(t, VideoConfig{})
	g.sendAll(key265(v, 19), [][]byte{slice265(1, true, sliceB265, 100)})
	if s := g.r.Stats(); s.BFrames || !g.r.Judged() {
		t.Errorf("stats: %+v", s)
	}
	for p := problem(1); p <= problemBigSets; p <<= 1 {
		if s := p.sentence(nameH265); !strings.HasPrefix(s, "the camera") || strings.Contains(s, "H.264") && p != problemPartitioned {
			t.Errorf("problem %b: %q", p, s)
		}
	}
}

func TestHints265(t *testing.T) {
	v := clip265(t)
	g := newRig265(t, VideoConfig{})
	g.r.SetParameterSets(bytes.Join(v.ParameterSets, []byte{0, 0, 0, 1}))
	idr := slice265(20, true, sliceI265, 100)
	g.send([][]byte{idr})
	g.want(append(slices.Clone(v.ParameterSets), idr))
	if sps, pps := g.r.ParameterSets(); !bytes.Equal(sps, v.ParameterSets[1]) || !bytes.Equal(pps, v.ParameterSets[2]) {
		t.Errorf("sets: %x, %x", sps, pps)
	}
}
