package testdata

import "bytes"

// syntax is what has to be known of a codec to cut its byte stream.
type syntax struct {
	isPicture      func(nalu []byte) bool // a coded slice
	startsPicture  func(nalu []byte) bool // the first slice of a picture
	isKey          func(nalu []byte) bool
	isParameterSet func(nalu []byte) bool
	isB            func(nalu []byte) bool // a slice of a B picture
}

var codecs = map[string]syntax{
	"H264": { // ITU-T H.264 table 7-1
		isPicture: func(n []byte) bool { t := n[0] & 0x1f; return t >= 1 && t <= 5 },
		// first_mb_in_slice is ue(v): a leading 1 bit means 0.
		startsPicture:  func(n []byte) bool { return len(n) > 1 && n[1]&0x80 != 0 },
		isKey:          func(n []byte) bool { return n[0]&0x1f == 5 },
		isParameterSet: func(n []byte) bool { t := n[0] & 0x1f; return t == 7 || t == 8 },
		isB: func(n []byte) bool {
			if t := n[0] & 0x1f; t != 1 {
				return false
			}
			bits := bitReader{data: n[1:]}
			bits.exp() // first_mb_in_slice
			return bits.exp()%5 == 1
		},
	},
	"H265": { // ITU-T H.265 table 7-1
		isPicture:      func(n []byte) bool { return n[0]>>1 < 32 },
		startsPicture:  func(n []byte) bool { return len(n) > 2 && n[2]&0x80 != 0 },
		isKey:          func(n []byte) bool { t := n[0] >> 1; return t >= 16 && t <= 21 },
		isParameterSet: func(n []byte) bool { t := n[0] >> 1; return t >= 32 && t <= 34 },
		isB:            func([]byte) bool { return false },
	},
}

// nalUnits cuts an Annex B byte stream at its start codes.
func nalUnits(stream []byte) [][]byte {
	startCode := []byte{0, 0, 1}
	var out [][]byte
	_, rest, found := bytes.Cut(stream, startCode)
	for found {
		var nalu []byte
		nalu, rest, found = bytes.Cut(rest, startCode)
		// The zero before a four-byte start code, and trailing zeros, are not
		// part of the NAL unit, which always ends in a 1 bit.
		if nalu = bytes.TrimRight(nalu, "\x00"); len(nalu) > 0 {
			out = append(out, nalu[:len(nalu):len(nalu)])
		}
	}
	return out
}

// accessUnits groups NAL units: a new access unit starts with the first slice of
// a picture, or with whatever else comes after the slices of the one before.
func (s syntax) accessUnits(nalus [][]byte) [][][]byte {
	var out [][][]byte
	var unit [][]byte
	complete := false // the unit has a picture
	for _, nalu := range nalus {
		picture := s.isPicture(nalu)
		if complete && (!picture || s.startsPicture(nalu)) {
			out = append(out, unit)
			unit, complete = nil, false
		}
		unit = append(unit, nalu)
		complete = complete || picture
	}
	if complete {
		out = append(out, unit)
	}
	return out
}

// reorder finds when each access unit is shown. B pictures follow, in decoding
// order, the picture that is shown after them; B pictures that others refer to
// do not occur in these clips.
func (s syntax) reorder(units [][][]byte) []int {
	out := make([]int, len(units))
	anchor := 0
	for i, unit := range units {
		isB := false
		for _, nalu := range unit {
			isB = isB || s.isB(nalu)
		}
		if !isB {
			anchor = i
			continue
		}
		out[i] = -1
		out[anchor]++
	}
	return out
}

// bitReader reads Exp-Golomb codes, ITU-T H.264 section 9.1.
type bitReader struct {
	data []byte
	pos  int
}

func (r *bitReader) bit() uint32 {
	if r.pos/8 >= len(r.data) {
		r.pos++
		return 1 // ends every loop that waits for a 1
	}
	b := r.data[r.pos/8] >> (7 - r.pos%8) & 1
	r.pos++
	return uint32(b)
}

func (r *bitReader) exp() uint32 {
	zeros := 0
	for zeros < 31 && r.bit() == 0 {
		zeros++
	}
	v := uint32(1)
	for range zeros {
		v = v<<1 | r.bit()
	}
	return v - 1
}
