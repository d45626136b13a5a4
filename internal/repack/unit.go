package repack

import "bytes"

// kind is what becomes of a NAL unit.
type kind int

const (
	kindDrop  kind = iota
	kindSlice      // part of the primary picture: sent as it comes
	kindSet        // a parameter set: kept, and sent before key frames
	kindLead       // goes before the first slice, or between slices where it came
)

func (r *H264) kindOf(header byte) kind {
	switch t := header & typeMask; {
	case t >= nalSlice && t <= nalIDR:
		return kindSlice
	case t == nalSPS || t == nalPPS:
		return kindSet
	case t == nalSEI && r.cfg.SEI == SEIPass, t >= nalSPSExt && t <= nalLastUnit:
		return kindLead
	default:
		return kindDrop // 0 and 24 to 31 are no NAL units of a decoder's
	}
}

var startCode = []byte{0, 0, 1}

// cutUnit splits off the first NAL unit of b at the next start code. No NAL unit
// contains one, or ends in zeros (ITU-T H.264, section 7.4.1): cameras that
// leave Annex B's framing in their RTP payloads are undone here.
func cutUnit(b []byte) (first, rest []byte) {
	i := bytes.Index(b, startCode)
	if i < 0 {
		return b, nil
	}
	return bytes.TrimRight(b[:i], "\x00"), b[i+len(startCode):]
}

// payload takes a packet apart (RFC 6184, section 5.2).
func (r *H264) payload(b []byte) {
	t := b[0] & typeMask
	if t == nalFUA {
		r.fuA(b)
		return
	}
	r.endUnit()
	switch {
	case t == nalSTAPA:
		r.stapA(b[1:])
	case t == nalSTAPB, t == nalMTAP16, t == nalMTAP24, t == nalFUB:
		r.setProblem(problemInterleaved, true)
		r.shared.dropped.Add(1)
	case t > nalFUB:
		r.shared.dropped.Add(1)
	default:
		r.whole(b)
	}
}

// whole takes one NAL unit, or several with start codes.
func (r *H264) whole(b []byte) {
	for len(b) > 0 {
		var u []byte
		u, b = cutUnit(b)
		if len(u) > 0 {
			r.nal(u)
		}
	}
}

func (r *H264) nal(u []byte) {
	k := r.kindOf(u[0])
	if k == kindDrop || len(u) < 2 {
		r.drop(u)
		return
	}
	switch k {
	case kindSlice:
		r.kept = true
		if r.beginSlice(u[0], u[1:]) {
			r.out.whole(u)
		}
	case kindSet:
		r.set(u)
	case kindLead:
		r.lead(u)
	}
}

func (r *H264) drop(u []byte) {
	r.shared.dropped.Add(1)
	r.inspectSEI(u)
}

// inspectSEI looks for a recovery point (payload type 6): the mark of a camera
// that refreshes its picture gradually.
func (r *H264) inspectSEI(u []byte) {
	const recoveryPoint = 6
	if len(u) > 1 && u[0]&typeMask == nalSEI && u[1] == recoveryPoint {
		r.refreshes = true
	}
}

func (r *H264) set(u []byte) {
	if r.sets.store(u, inBand) {
		r.publishSets()
	}
}

// stapA takes an aggregation packet apart (section 5.7.1). Empty units and
// trailing bytes are passed over; units that must not be in one are dropped.
func (r *H264) stapA(b []byte) {
	for len(b) > 2 {
		size := int(b[0])<<8 | int(b[1])
		b = b[2:]
		if size > len(b) {
			r.orphan(b[0])
			return
		}
		if size > 0 && b[0]&typeMask >= nalSTAPA {
			r.shared.dropped.Add(1)
		} else {
			r.whole(b[:size])
		}
		b = b[size:]
	}
}
