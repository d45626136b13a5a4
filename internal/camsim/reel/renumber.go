package reel

import (
	"bytes"
	"errors"
)

// secondPPS is a copy of a PPS with id 0 under id 1.
func secondPPS(pps []byte) ([]byte, error) {
	b := bits{data: unescape(pps[1:])}
	if b.exp() != 0 {
		return nil, errors.New("the clip's PPS has another id than 0")
	}
	if b.exp(); b.bit() == 1 { // seq_parameter_set_id, entropy_coding_mode_flag
		return nil, errors.New("a second PPS needs a clip without CABAC")
	}
	return renumber(pps, 0), nil
}

// referToSecond makes a slice refer to the PPS with id 1 instead of 0. Slice data
// in CABAC is aligned to bytes and would not survive that.
func referToSecond(slice []byte) []byte {
	b := bits{data: unescape(slice[1:])}
	b.exp() // first_mb_in_slice
	b.exp() // slice_type
	return renumber(slice, b.pos)
}

// renumber replaces the ue(v) 0 at a bit position after the NAL unit header, which
// is the bit 1, by a 1, which is the bits 010.
func renumber(nalu []byte, at int) []byte {
	in := bits{data: unescape(nalu[1:])}
	var out bits
	for range at {
		out.put(in.bit())
	}
	in.bit()
	out.put(0)
	out.put(1)
	out.put(0)
	for end := in.stop(); in.pos <= end; {
		out.put(in.bit())
	}
	return append([]byte{nalu[0]}, escape(out.data)...)
}

// bits is a string of bits.
type bits struct {
	data []byte
	pos  int
}

func (b *bits) bit() byte {
	if b.pos>>3 >= len(b.data) {
		return 1 // ends exp
	}
	v := b.data[b.pos>>3] >> (7 - b.pos&7) & 1
	b.pos++
	return v
}

func (b *bits) put(v byte) {
	if b.pos&7 == 0 {
		b.data = append(b.data, 0)
	}
	b.data[b.pos>>3] |= v << (7 - b.pos&7)
	b.pos++
}

// exp reads ue(v) (ITU-T H.264 section 9.1).
func (b *bits) exp() int {
	zeros := 0
	for zeros < 31 && b.bit() == 0 {
		zeros++
	}
	v := 1
	for range zeros {
		v = v<<1 | int(b.bit())
	}
	return v - 1
}

// stop is the position of rbsp_stop_one_bit, the last bit that is 1.
func (b *bits) stop() int {
	data := bytes.TrimRight(b.data, "\x00")
	if len(data) == 0 {
		return -1
	}
	pos := len(data)*8 - 1
	for last := data[len(data)-1]; last&1 == 0; last >>= 1 {
		pos--
	}
	return pos
}

// unescape takes emulation prevention bytes out (ITU-T H.264 section 7.4.1).
func unescape(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte{0, 0, 3}, []byte{0, 0})
}

// escape puts them in again.
func escape(b []byte) []byte {
	out := make([]byte, 0, len(b)+16)
	zeros := 0
	for _, v := range b {
		if zeros == 2 && v <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, v)
		if v == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}
