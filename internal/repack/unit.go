package repack

import "bytes"

// classOf is the codec's, with what the configuration makes of SEI.
func (r *Video) classOf(h header) class {
	c := r.codec.class(h)
	if c.kind == kindSEI {
		c.kind = kindDrop
		if r.cfg.SEI == SEIPass {
			c.kind = kindLead
		}
	}
	return c
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

// payload takes a packet apart (RFC 6184, section 5.2; RFC 7798, section 4.4).
func (r *Video) payload(b []byte) {
	form := r.codec.form(headerOf(b))
	if form == formFragment {
		r.fragment(b)
		return
	}
	r.endUnit()
	switch form {
	case formAggregate:
		r.aggregate(b[min(r.size, len(b)):])
	case formInterleaved:
		r.setProblem(problemInterleaved, true)
		r.shared.dropped.Add(1)
	case formBad:
		r.shared.dropped.Add(1)
	default:
		r.whole(b)
	}
}

// whole takes one NAL unit, or several with start codes.
func (r *Video) whole(b []byte) {
	for len(b) > 0 {
		var u []byte
		u, b = cutUnit(b)
		if len(u) > 0 {
			r.nal(u)
		}
	}
}

func (r *Video) nal(u []byte) {
	h := headerOf(u)
	c := r.classOf(h)
	if c.kind == kindDrop || len(u) <= r.size {
		r.drop(u)
		return
	}
	switch c.kind {
	case kindSlice:
		r.kept = true
		if r.beginSlice(h, u[r.size:]) {
			r.out.whole(u)
		}
	case kindSet:
		r.set(u)
	case kindLead:
		r.lead(u)
	}
}

func (r *Video) drop(u []byte) {
	r.shared.dropped.Add(1)
	r.inspectSEI(u)
}

// inspectSEI looks for a recovery point (payload type 6): the mark of a camera
// that refreshes its picture gradually.
func (r *Video) inspectSEI(u []byte) {
	const recoveryPoint = 6
	if len(u) > r.size && u[r.size] == recoveryPoint && r.codec.class(headerOf(u)).kind == kindSEI {
		r.refreshes = true
	}
}

func (r *Video) set(u []byte) {
	if r.codec.store(u, inBand) {
		r.publishSets()
	}
}

// aggregate takes the inside of an aggregation packet apart (RFC 6184, section
// 5.7.1; RFC 7798, section 4.4.2). Empty units and trailing bytes are passed
// over; units that must not be in one are dropped.
func (r *Video) aggregate(b []byte) {
	for len(b) > 2 {
		size := int(b[0])<<8 | int(b[1])
		b = b[2:]
		if size > len(b) {
			r.orphan(headerOf(b))
			return
		}
		if size > 0 && r.codec.form(headerOf(b[:size])) != formSingle {
			r.shared.dropped.Add(1)
		} else {
			r.whole(b[:size])
		}
		b = b[size:]
	}
}
