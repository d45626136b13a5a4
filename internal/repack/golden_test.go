package repack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// clip is a stream as access units, parameter sets in band.
type clip struct {
	name string
	aus  [][][]byte
}

// clips returns streams made here and, where they are at hand, those of a folder
// of conformance streams beside the project.
func clips(t testing.TB) []clip {
	out := []clip{madeClip("made", 1), madeClip("made, four slices", 4)}
	files, err := filepath.Glob("../../../shared/corpora/h264/*.264")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, clip{filepath.Base(f), accessUnits(b)})
	}
	return out
}

func madeClip(name string, slices uint32) clip {
	c := clip{name: name}
	frameNum := uint32(0)
	for i := range 24 {
		idr := i%8 == 0
		au := [][]byte{{9, 0xf0}, {6, 5, 2, 1, 2, 0x80}}
		size, typ := 200+i*137, uint32(5)
		if idr {
			au = append(au, testSPS, testPPS)
			size, typ, frameNum = 70000, 7, 0
		}
		for s := range slices {
			au = append(au, makeSlice(sliceSpec{idr: idr, typ: typ, firstMB: s * 200, frameNum: frameNum, size: size}))
		}
		c.aus = append(c.aus, append(au, []byte{12, 0xff, 0xff, 0x80}))
		frameNum++
	}
	return c
}

// accessUnits cuts an Annex B stream at the first slice of each picture, and at
// what stands between pictures.
func accessUnits(b []byte) [][][]byte {
	var out [][][]byte
	var au [][]byte
	vcl := false
	for len(b) > 0 {
		var u []byte
		if u, b = cutUnit(b); len(u) == 0 {
			continue
		}
		t := u[0] & typeMask
		slice := t >= nalSlice && t <= nalIDR
		first := slice && u[1]&0x80 != 0 // first_mb_in_slice 0
		if vcl && (first || !slice) {
			out, au, vcl = append(out, au), nil, false
		}
		au = append(au, u)
		vcl = vcl || slice
	}
	return append(out, au)
}

// expected returns what is to be sent for the access units: no delimiters,
// filler or SEI, and before IDR pictures the sets known by then.
func expected(aus [][][]byte) [][][]byte {
	var sets paramSets
	var out [][][]byte
	for _, au := range aus {
		var want [][]byte
		idr := false
		for _, u := range au {
			switch u[0] & typeMask {
			case nalSPS, nalPPS:
				sets.store(u, inBand)
			case nalSEI, nalAUD, nalFiller:
			default:
				idr = idr || u[0]&typeMask == nalIDR
				want = append(want, u)
			}
		}
		if idr {
			list, _ := sets.all()
			want = append(slices.Clone(list), want...)
		}
		if len(want) > 0 {
			out = append(out, want)
		}
	}
	return out
}

// packetizers are ways in which cameras put an access unit into packets.
func packetizers() map[string]func(au [][]byte) [][]byte {
	ways := map[string]func(au [][]byte) [][]byte{
		"single, up to 64 kB": func(au [][]byte) [][]byte { return eachUnit(au, 65000) },
		"STAP-A with all": func(au [][]byte) [][]byte {
			size := 0
			for _, u := range au {
				size += len(u) + 2
			}
			if size > 65000 {
				return eachUnit(au, 1400)
			}
			return [][]byte{stapA(au...)}
		},
		"STAP-A of parameter sets": func(au [][]byte) [][]byte {
			n := 0
			for n < len(au) && au[n][0]&typeMask > nalIDR {
				n++
			}
			if n == 0 {
				return eachUnit(au, 1400)
			}
			return append([][]byte{stapA(au[:n]...)}, eachUnit(au[n:], 1400)...)
		},
		"Annex B in 64 kB fragments": func(au [][]byte) [][]byte {
			var b []byte
			for _, u := range au {
				b = append(append(b, 0, 0, 0, 1), u...)
			}
			return fragments(b, 60000)
		},
		"Annex B in small fragments": func(au [][]byte) [][]byte {
			var b []byte
			for i, u := range au {
				if i > 0 {
					b = append(b, 0, 0, 1)
				}
				b = append(b, u...)
			}
			return fragments(b, 333)
		},
	}
	for _, n := range []int{3, 20, 1185, 1186, 1187, 1188, 1189, 1190, 1191, 1400, 1460, 9000, 65000} {
		ways[fmt.Sprintf("fragments of %d", n)] = func(au [][]byte) [][]byte { return eachUnit(au, n) }
	}
	return ways
}

func eachUnit(au [][]byte, size int) [][]byte {
	var out [][]byte
	for _, u := range au {
		if len(u) <= size {
			out = append(out, u)
		} else {
			out = append(out, fragments(u, size)...)
		}
	}
	return out
}

// What goes in by any packetization comes out, byte for byte.
func TestRoundTrip(t *testing.T) {
	ways := packetizers()
	for _, c := range clips(t) {
		want := expected(c.aus)
		for name, packetize := range ways {
			for _, marked := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/marker %v", c.name, name, marked), func(t *testing.T) {
					g := newRig(t, VideoConfig{ExtensionBytes: 8})
					for _, au := range c.aus {
						g.frame()
						payloads := packetize(au)
						for i, b := range payloads {
							g.push(marked && i == len(payloads)-1, b...)
						}
					}
					g.frame()
					g.push(false, 9, 0xf0)
					g.want(want...)
					s := g.r.Stats()
					if s.AccessUnits != uint64(len(want)) || s.DamagedUnits != 0 || s.NeedKeyFrame {
						t.Errorf("stats: %+v", s)
					}
				})
			}
		}
	}
}

// fragments cuts a NAL unit into FU-A payloads with size data bytes each.
func fragments(nalu []byte, size int) [][]byte {
	var out [][]byte
	for data := nalu[1:]; len(data) > 0; {
		n := min(size, len(data))
		h := nalu[0] & typeMask
		if len(out) == 0 {
			h |= fuStart
		}
		if n == len(data) {
			h |= fuEnd
		}
		out = append(out, append([]byte{nalu[0]&^typeMask | nalFUA, h}, data[:n]...))
		data = data[n:]
	}
	return out
}

func stapA(nalus ...[]byte) []byte {
	out := []byte{0x78}
	for _, n := range nalus {
		out = append(out, byte(len(n)>>8), byte(len(n)))
		out = append(out, n...)
	}
	return out
}
