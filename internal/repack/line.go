package repack

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
)

const (
	// jumpLimit is the largest step forward that is taken as it is. Cameras
	// that stamp single frames hours off exist; a gap that long in wall-clock
	// time is bridged by the wall clock just as well.
	jumpLimit = 5 * time.Second
	// reorderWindow is the largest step back that may be a B-frame's. Such steps
	// do not move the line: the packet gets the smallest timestamp that is not
	// behind the last one.
	reorderWindow = time.Second
	// behindLimit is how many timestamps in a row may be behind the line before
	// it is the camera's clock that has been set back. H.264 allows 16 frames
	// of reordering.
	behindLimit = 16
	// gapLimit keeps a step of a 90 kHz clock below half the range of 32 bits,
	// beyond which forward would read as backward.
	gapLimit = 6 * time.Hour
)

// A Line deals out the sequence numbers and timestamps of one outgoing track.
// Neither ever steps back: receivers drop what does. A Line is not safe for
// concurrent use; it belongs to the goroutine that pushes packets.
type Line struct {
	clockRate uint32 // Hz
	seq       uint16

	started bool
	rebase  bool
	offset  uint32 // out = in + offset
	lastIn  uint32
	lastOut uint32
	lastAt  time.Time
	behind  int
}

// NewLine returns a line of a track with the given RTP clock rate in Hz. It
// starts at random values (RFC 3550, section 5.1), the sequence number in the
// lower half of its range: a first wrap within the first packets would leave
// SRTP's rollover counter to guesswork if some of them are lost.
func NewLine(clockRate uint32) *Line {
	return &Line{
		clockRate: max(clockRate, 1),
		seq:       uint16(rand.UintN(1 << 15)),
		lastOut:   rand.Uint32(),
	}
}

// Rebase says that a new camera session begins, with timestamps that have
// nothing to do with the last one's: the next one continues the line by the
// time that has passed on the wall clock.
func (l *Line) Rebase() {
	l.rebase = l.started
}

// NextSeq returns the next sequence number.
func (l *Line) NextSeq() uint16 {
	s := l.seq
	l.seq++
	return s
}

// Timestamp maps a camera's timestamp, of a packet that arrived at the given
// time, to the line's. Equal timestamps in a row give equal results. A jump by
// more than five seconds, or back, is replaced by the time that has passed.
func (l *Line) Timestamp(in uint32, arrived time.Time) uint32 {
	if l.started && !l.rebase && in == l.lastIn {
		return l.lastOut
	}
	return l.next(in, arrived)
}

// next is Timestamp for what must not share its timestamp with what went
// before, even if the camera gave it the same one.
func (l *Line) next(in uint32, arrived time.Time) uint32 {
	if !l.started {
		l.started = true
		l.offset = l.lastOut - in
		l.lastIn, l.lastAt = in, arrived
		return l.lastOut
	}
	ahead := int64(int32(in + l.offset - l.lastOut))
	if l.rebase || ahead > l.ticks(jumpLimit) || ahead < -l.ticks(reorderWindow) || l.behind >= behindLimit {
		l.rebase = false
		gap := min(max(arrived.Sub(l.lastAt), 0), gapLimit)
		ahead = max(l.ticks(gap), 1)
		l.offset = l.lastOut + uint32(ahead) - in
	}
	if ahead > 0 {
		l.behind = 0
	} else {
		l.behind++
		ahead = 1
	}
	l.lastIn, l.lastAt = in, arrived
	l.lastOut += uint32(ahead)
	return l.lastOut
}

func (l *Line) ticks(d time.Duration) int64 {
	sec, frac := int64(d/time.Second), int64(d%time.Second)
	return sec*int64(l.clockRate) + frac*int64(l.clockRate)/int64(time.Second)
}

// header fills h for the next packet. It keeps the array behind h.Extensions,
// so that a writer that adds header extensions need not allocate each time.
func (l *Line) header(h *rtp.Header, ts uint32, marker bool) {
	ext := h.Extensions[:0]
	*h = rtp.Header{
		Version:        2,
		Marker:         marker,
		SequenceNumber: l.NextSeq(),
		Timestamp:      ts,
		Extensions:     ext,
	}
}
