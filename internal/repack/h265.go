package repack

// NAL unit types (ITU-T H.265, table 7-1; RFC 7798, section 4.4).
const (
	hevcRASLN  = 8
	hevcRASLR  = 9
	hevcBLA    = 16 // the first type of pictures that decoding can begin at
	hevcCRA    = 21 // the last one
	hevcIRAP   = 23 // the last one that is reserved for such pictures
	hevcVPS    = 32
	hevcSPS    = 33
	hevcPPS    = 34
	hevcSEI    = 39
	hevcSEIEnd = 40
	hevcAP     = 48
	hevcFU     = 49

	nameH265 = "H.265"
)

// NewH265 returns a repacker of H.265 that writes on the given line of 90 kHz,
// without decoding order numbers.
func NewH265(cfg VideoConfig, line *Line) *Video {
	return newVideo(cfg, &hevc{}, line)
}

// hevc is H.265.
type hevc struct{ hevcSets }

func hevcType(h header) byte { return h[0] >> 1 & 0x3f }

// hevcLayer returns the layer, 0 unless a stream has several, and the temporal
// sub-layer plus one, which is never 0.
func hevcLayer(h header) (layer, tid byte) { return h[0]&1<<5 | h[1]>>3, h[1] & 7 }

func (*hevc) name() string    { return nameH265 }
func (*hevc) headerSize() int { return 2 }

func (*hevc) form(h header) form {
	switch t := hevcType(h); {
	case t == hevcFU:
		return formFragment
	case t == hevcAP:
		return formAggregate
	case t > hevcFU:
		return formBad // PACI, and what is not specified
	}
	return formSingle
}

func (s *hevc) class(h header) class {
	layer, tid := hevcLayer(h)
	if layer != 0 || tid == 0 {
		return class{} // receivers take the base layer only
	}
	switch t := hevcType(h); {
	case t <= hevcRASLR:
		// Even types are no references within their own sub-layer, but those
		// above it may refer to them (section 7.4.2.2).
		spare := t&1 == 0 && tid >= s.subLayers && s.subLayers > 0
		return class{kind: kindSlice, ref: !spare, leading: t >= hevcRASLN}
	case t >= hevcBLA && t <= hevcCRA:
		return class{kind: kindSlice, ref: true, key: true}
	case t >= hevcVPS && t <= hevcPPS:
		return class{kind: kindSet}
	case t == hevcSEI || t == hevcSEIEnd:
		return class{kind: kindSEI}
	}
	return class{}
}

// fragment reads payload header and FU header (RFC 7798, section 4.4.3).
func (*hevc) fragment(b []byte) (h header, flags byte, data []byte, ok bool) {
	if len(b) < 3 {
		return h, 0, nil, false
	}
	return header{b[0]&0x81 | b[2]&0x3f<<1, b[1]}, b[2], b[3:], true
}

func (*hevc) putFragment(b []byte, h header, flags byte) {
	b[0] = h[0]&0x81 | hevcFU<<1
	b[1] = h[1]
	b[2] = hevcType(h) | flags
}

// aggregate is the header of an AP (section 4.4.2): F is the OR of all, layer
// and sub-layer are the lowest.
func (*hevc) aggregate(list [][]byte) header {
	var f byte
	layer, tid := byte(0x3f), byte(7)
	for _, u := range list {
		l, t := hevcLayer(headerOf(u))
		f, layer, tid = f|u[0]&0x80, min(layer, l), min(tid, t)
	}
	return header{f | hevcAP<<1 | layer>>5, layer<<3 | tid}
}

// slice reads the beginning of a slice segment header (ITU-T H.265, section
// 7.3.6.1). In those that do not begin a picture the type comes too late.
func (s *hevc) slice(unit header, head []byte) sliceHeader {
	r := newBitReader(head)
	h := sliceHeader{first: r.u(1) == 1}
	if t := hevcType(unit); t >= hevcBLA && t <= hevcIRAP {
		r.u(1) // no_output_of_prior_pics_flag
	}
	id := r.ue()
	if r.bad || id >= uint32(len(s.pps)) {
		return h
	}
	s.used[id] = true
	if !h.first || s.pps[id].trust == absent {
		h.ok, h.typ = h.first, sliceP
		return h
	}
	r.u(s.extraBits[id])
	typ := r.ue()
	if r.bad || typ > 2 {
		return h
	}
	h.ok, h.typ = true, [3]sliceType{sliceB, sliceP, sliceI}[typ]
	if info := &s.info[s.owner[id]]; info.Width > 0 {
		h.info = info
	}
	return h
}

// sentence265 is what differs from H.264's; "" if nothing does.
func (p problem) sentence265() string {
	switch p & -p {
	case problemInterleaved:
		return "the camera sends its H.265 packets out of decoding order, which WebRTC cannot carry: switch that off in its RTP settings"
	case problemNoSets:
		return "the camera sends key frames without VPS, SPS and PPS, neither in the stream nor in its SDP: turn on in-band parameter sets in its stream settings"
	case problemBFrames:
		return "the camera sends B-frames, which WebRTC shows in the wrong order: set its number of B-frames to 0"
	case problemBReferences:
		return "the camera sends B-frames to which other frames refer, so that not all of them can be left out: set its number of B-frames to 0"
	case problemBigSets:
		return "the camera's parameter sets do not fit one packet, and some receivers cannot read them then: set its H.265 profile to Main"
	}
	return ""
}
