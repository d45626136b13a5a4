package repack

// NAL unit types (ITU-T H.264, table 7-1; RFC 6184, section 5.2).
const (
	nalSlice    = 1
	nalDataA    = 2
	nalDataC    = 4
	nalIDR      = 5
	nalSEI      = 6
	nalSPS      = 7
	nalPPS      = 8
	nalAUD      = 9
	nalFiller   = 12
	nalSPSExt   = 13
	nalLastUnit = 23
	nalSTAPA    = 24
	nalSTAPB    = 25
	nalMTAP16   = 26
	nalMTAP24   = 27
	nalFUA      = 28
	nalFUB      = 29

	typeMask = 0x1f
	refMask  = 0x60
	fuStart  = 0x80 // in the FU header of both codecs
	fuEnd    = 0x40
)

// NewH264 returns a repacker of H.264 that writes on the given line of 90 kHz, in
// packetization mode 1.
func NewH264(cfg VideoConfig, line *Line) *Video {
	return newVideo(cfg, &avc{}, line)
}

// avc is H.264.
type avc struct{ paramSets }

func (*avc) name() string    { return "H.264" }
func (*avc) headerSize() int { return 1 }

func (*avc) form(h header) form {
	switch t := h[0] & typeMask; {
	case t == nalFUA:
		return formFragment
	case t == nalSTAPA:
		return formAggregate
	case t > nalSTAPA && t <= nalFUB:
		return formInterleaved
	case t > nalFUB:
		return formBad
	}
	return formSingle
}

func (*avc) class(h header) class {
	c := class{ref: h[0]&refMask != 0}
	switch t := h[0] & typeMask; {
	case t >= nalSlice && t <= nalIDR:
		c.kind, c.key = kindSlice, t == nalIDR
		c.partitioned = t >= nalDataA && t <= nalDataC
	case t == nalSPS || t == nalPPS:
		c.kind = kindSet
	case t == nalSEI:
		c.kind = kindSEI
	case t >= nalSPSExt && t <= nalLastUnit:
		c.kind = kindLead
	default:
		c.kind = kindDrop // 0 and 24 to 31 are no NAL units of a decoder's
	}
	return c
}

// fragment reads FU indicator and FU header (RFC 6184, section 5.8).
func (*avc) fragment(b []byte) (h header, flags byte, data []byte, ok bool) {
	if len(b) < 2 {
		return h, 0, nil, false
	}
	return header{b[0]&^typeMask | b[1]&typeMask}, b[1], b[2:], true
}

func (*avc) putFragment(b []byte, h header, flags byte) {
	b[0] = h[0]&^typeMask | nalFUA
	b[1] = h[0]&typeMask | flags
}

// aggregate is the header of a STAP-A (section 5.7.1): F is the OR of all, NRI
// the largest.
func (*avc) aggregate(list [][]byte) header {
	var f, nri byte
	for _, u := range list {
		f, nri = f|u[0]&0x80, max(nri, u[0]&refMask)
	}
	return header{f | nri | nalSTAPA}
}
