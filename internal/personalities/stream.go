package personalities

import (
	"time"

	"github.com/pion/rtp"
)

// patience is how long a missing packet may take to be sent again.
const patience = 3 * time.Second

// stream is what comes with one SSRC. Retransmissions are put where they belong.
type stream struct {
	ssrc    uint32
	next    uint16 // the sequence number that is due
	early   map[uint16]*rtp.Packet
	since   time.Time // since when the one that is due is missing
	lost    bool      // packets before the next one have not come
	started bool

	unit  unit
	sets  sets
	keyed bool  // a key frame has come
	step  int32 // of audio timestamps

	base   time.Time // arrival of the first picture
	baseTS uint32
}

func newStream(first *rtp.Packet) *stream {
	return &stream{ssrc: first.SSRC, next: first.SequenceNumber, early: map[uint16]*rtp.Packet{}}
}

// take hands on the packets whose turn it is, and tells how many it has given up.
func (s *stream) take(p *rtp.Packet, now time.Time, use func(*rtp.Packet)) (missing int) {
	ahead := int16(p.SequenceNumber - s.next)
	if ahead < 0 {
		return 0 // has been here
	}
	if ahead > 0 && len(s.early) == 0 {
		s.since = now
	}
	s.early[p.SequenceNumber] = p
	for len(s.early) > 0 {
		due := s.early[s.next]
		switch {
		case due != nil:
			delete(s.early, s.next)
			use(due)
			s.since = now
		case now.Sub(s.since) < patience:
			return missing
		default:
			missing++
			s.lost = true
		}
		s.next++
	}
	return missing
}

// ahead is by how much a picture's timestamp is ahead of the time of its arrival,
// both counted from the first one.
func (s *stream) ahead(now time.Time) time.Duration {
	if s.base.IsZero() {
		s.base, s.baseTS = now, s.unit.ts
	}
	ts := time.Duration(s.unit.ts-s.baseTS) * time.Second / 90000
	return ts - now.Sub(s.base)
}

// unit is an access unit as it comes together (RFC 6184).
type unit struct {
	ts     uint32
	nalus  [][]byte
	open   bool // a fragmented NAL unit is not whole yet
	torn   bool // something is missing
	closed bool // the marker has come
}

// add takes one payload; it says what is wrong with it.
func (u *unit) add(b []byte) (problem string) {
	if len(b) < 2 {
		return "an empty packet"
	}
	kind := b[0] & 0x1f
	if u.open && kind != 28 {
		return "another packet amid a fragmented NAL unit"
	}
	switch {
	case kind >= 1 && kind <= 23:
		u.nalus = append(u.nalus, b)
		return ""
	case kind == 24:
		return u.aggregate(b[1:])
	case kind == 28 && len(b) > 2:
		return u.fragment(b)
	}
	return "a packet that RFC 6184's mode 1 does not have"
}

func (u *unit) aggregate(b []byte) string {
	for len(b) > 0 {
		if len(b) < 3 {
			return "a STAP-A with trailing bytes"
		}
		n := int(b[0])<<8 | int(b[1])
		if n == 0 || n > len(b)-2 {
			return "a STAP-A with wrong sizes"
		}
		u.nalus = append(u.nalus, b[2:2+n])
		b = b[2+n:]
	}
	return ""
}

func (u *unit) fragment(b []byte) string {
	const start, end = 0x80, 0x40
	switch first := b[1]&start != 0; {
	case first && b[1]&end != 0:
		return "a fragment that is both first and last"
	case first == u.open:
		return "a fragment out of place"
	case first:
		u.nalus = append(u.nalus, []byte{b[0]&0xe0 | b[1]&0x1f})
	}
	last := &u.nalus[len(u.nalus)-1]
	*last = append(*last, b[2:]...)
	u.open = b[1]&end == 0
	return ""
}
