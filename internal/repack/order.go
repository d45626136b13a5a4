package repack

// Limits of RFC 3550, appendix A.1: what is further ahead or behind than this
// is a sequence that was numbered anew, not a loss or a late packet.
const (
	maxDropout  = 3000
	maxMisorder = 100
	// lateRun late packets in a row, numbered consecutively, are no stragglers:
	// the camera has started its numbering again, a little behind.
	lateRun = 8
)

type verdict int

const (
	inOrder verdict = iota
	gap             // packets are missing before this one
	anew            // a new numbering begins here; whether something is missing is unknown
	tooLate         // a duplicate, or a packet that was given up as lost
)

// order watches the sequence numbers of one incoming stream.
type order struct {
	started  bool
	ssrc     uint32
	next     uint16
	lateNext uint16
	late     int
}

// check says how a packet follows the ones before it, and how many are missing;
// where the numbering begins anew, how many there would be if it did not.
func (o *order) check(ssrc uint32, seq uint16) (verdict, int) {
	if !o.started || ssrc != o.ssrc {
		// Some cameras take a new SSRC with every key frame.
		first := !o.started
		*o = order{started: true, ssrc: ssrc, next: seq + 1}
		if first {
			return inOrder, 0
		}
		return anew, 0
	}
	d := int(int16(seq - o.next))
	if d < 0 && d >= -maxMisorder {
		if o.late > 0 && seq == o.lateNext {
			o.late++
		} else {
			o.late = 1
		}
		o.lateNext = seq + 1
		if o.late < lateRun {
			return tooLate, 0
		}
		d = -maxMisorder - 1
	}
	o.late = 0
	o.next = seq + 1
	switch {
	case d == 0:
		return inOrder, 0
	case d > 0 && d < maxDropout:
		return gap, d
	default:
		return anew, max(d, 0)
	}
}
