package personalities

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// sets are the parameter sets that have come with a stream.
type sets struct {
	pps  map[uint32]bool // by id
	size string          // of the newest SPS
}

// use reads an access unit as a decoder would: whether it is a key frame, and
// what is missing to decode it.
func (s *sets) use(nalus [][]byte) (key bool, problem string) {
	var sps, pps bool
	for _, n := range nalus {
		switch n[0] & 0x1f {
		case 7:
			var parsed h264.SPS
			if err := parsed.Unmarshal(n); err != nil {
				return key, "an SPS that cannot be parsed"
			}
			sps, s.size = true, fmt.Sprintf("%dx%d", parsed.Width(), parsed.Height())
		case 8:
			if s.pps == nil {
				s.pps = map[uint32]bool{}
			}
			pps = true
			s.pps[exp(n[1:], 0)] = true
		case 1, 2, 5:
			if n[0]&0x1f == 5 && !key {
				key = true
				if !sps || !pps {
					return true, "a key frame without its parameter sets in front"
				}
			}
			if !s.pps[exp(n[1:], 2)] { // after first_mb_in_slice and slice_type
				return key, "a slice refers to a PPS that was not sent"
			}
		}
	}
	return key, ""
}

// exp returns an Exp-Golomb code (ITU-T H.264 section 9.1) after skip others.
// Emulation prevention does not come so early: all three are small numbers.
func exp(b []byte, skip int) uint32 {
	pos := 0
	bit := func() uint32 {
		if pos/8 >= len(b) {
			return 1
		}
		v := uint32(b[pos/8]>>(7-pos%8)) & 1
		pos++
		return v
	}
	for {
		zeros := 0
		for zeros < 31 && bit() == 0 {
			zeros++
		}
		v := uint32(1)
		for range zeros {
			v = v<<1 | bit()
		}
		if skip--; skip < 0 {
			return v - 1
		}
	}
}
