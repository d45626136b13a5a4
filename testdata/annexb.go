package testdata

import (
	"bytes"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// syntax is what has to be known of a codec to cut its byte stream.
type syntax struct {
	isPicture      func(nalu []byte) bool // a coded slice
	startsPicture  func(nalu []byte) bool // the first slice of a picture
	isKey          func(nalu []byte) bool
	isParameterSet func(nalu []byte) bool
}

var codecs = map[string]syntax{
	"H264": { // ITU-T H.264 table 7-1
		isPicture: func(n []byte) bool { t := n[0] & 0x1f; return t >= 1 && t <= 5 },
		// first_mb_in_slice is ue(v): a leading 1 bit means 0.
		startsPicture:  func(n []byte) bool { return len(n) > 1 && n[1]&0x80 != 0 },
		isKey:          func(n []byte) bool { return n[0]&0x1f == 5 },
		isParameterSet: func(n []byte) bool { t := n[0] & 0x1f; return t == 7 || t == 8 },
	},
	"H265": { // ITU-T H.265 table 7-1
		isPicture:      func(n []byte) bool { return n[0]>>1 < 32 },
		startsPicture:  func(n []byte) bool { return len(n) > 2 && n[2]&0x80 != 0 },
		isKey:          func(n []byte) bool { t := n[0] >> 1; return t >= 16 && t <= 21 },
		isParameterSet: func(n []byte) bool { t := n[0] >> 1; return t >= 32 && t <= 34 },
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

// reorder finds when each access unit is shown, from the picture order counts
// that H.264 pictures carry (section 8.2.1). It is all zero for streams that have
// none: H.265 clips, and profiles without B pictures.
func (s syntax) reorder(units [][][]byte, order *h264.SPS) []int {
	out := make([]int, len(units))
	if order == nil || order.PicOrderCntType != 0 {
		return out
	}
	for start := 0; start < len(units); {
		end := start + 1
		for end < len(units) && !slices.ContainsFunc(units[end], s.isKey) {
			end++
		}
		s.reorderGOP(units[start:end], order, out[start:end])
		start = end
	}
	return out
}

// reorderGOP ranks the pictures from one IDR to the next.
func (s syntax) reorderGOP(units [][][]byte, order *h264.SPS, out []int) {
	cycle := 1 << (order.Log2MaxPicOrderCntLsbMinus4 + 4)
	counts := make([]int, len(units))
	ranks := make([]int, len(units))
	high := 0 // the largest count so far; the next ones lie near it
	for i, unit := range units {
		if j := slices.IndexFunc(unit, s.isPicture); j >= 0 {
			lsb := orderCount(unit[j], order)
			counts[i] = high + (lsb-high%cycle+cycle+cycle/2)%cycle - cycle/2
		}
		high = max(high, counts[i])
		ranks[i] = i
	}
	slices.SortStableFunc(ranks, func(a, b int) int { return counts[a] - counts[b] })
	for rank, i := range ranks {
		out[i] = rank - i
	}
}

// orderCount is a slice header's pic_order_cnt_lsb (ITU-T H.264 section 7.3.3).
// Colour planes and fields do not occur in these clips.
func orderCount(slice []byte, sps *h264.SPS) int {
	bits := bitReader{data: slice[1:]}
	bits.exp() // first_mb_in_slice
	bits.exp() // slice_type
	bits.exp() // pic_parameter_set_id
	bits.read(int(sps.Log2MaxFrameNumMinus4) + 4)
	if slice[0]&0x1f == 5 {
		bits.exp() // idr_pic_id
	}
	return int(bits.read(int(sps.Log2MaxPicOrderCntLsbMinus4) + 4))
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

func (r *bitReader) read(n int) uint32 {
	v := uint32(0)
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

func (r *bitReader) exp() uint32 {
	zeros := 0
	for zeros < 31 && r.bit() == 0 {
		zeros++
	}
	return 1<<zeros + r.read(zeros) - 1
}
