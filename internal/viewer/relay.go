package viewer

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// relay is one outgoing track of one viewer. Its sequence numbers and
// timestamps form one line that survives a change of publisher, so a player
// sees a pause and never a jump back.
type relay struct {
	outgoing
	up bool // the peer has connected

	source  *publisher // whose packets the offsets below fit
	first   uint16     // first sequence number taken from it
	sent    uint64     // packets since then
	waiting bool       // for a packet that a decoder can start with
	seqOff  uint16
	tsOff   uint32

	lastSeq uint16 // highest sent
	lastTS  uint32 // of that packet
	lastAt  time.Time
}

func newRelay(kind webrtc.RTPCodecType, codec webrtc.RTPCodecCapability) *relay {
	return &relay{
		outgoing: outgoing{kind: kind, codec: codec},

		lastSeq: uint16(rand.Uint32()), // RFC 3550 section 5.1: a random start, no secret
		lastTS:  rand.Uint32(),
	}
}

// reorderWindow is how many packets after the first one a packet from before
// it may still be on its way. Such a packet is dropped: its place in the
// outgoing line is taken.
const reorderWindow = 1 << 12

// write sends one packet of src on. wantKey says that the viewer still waits
// for a picture that it can start with.
func (r *relay) write(src *publisher, pkt *rtp.Packet, entry bool, now time.Time) (wantKey bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer == nil {
		return false
	}
	if src != r.source {
		r.source, r.sent = src, 0
		r.waiting = r.kind == webrtc.RTPCodecTypeVideo
	}
	if r.waiting && !entry {
		return r.up // before that, a key frame would come too early
	}
	if r.sent == 0 {
		r.join(pkt, now)
	}
	if r.sent < reorderWindow && int16(pkt.SequenceNumber-r.first) < 0 {
		return false
	}
	h := rtp.Header{
		Version:        2,
		Marker:         pkt.Marker,
		PayloadType:    r.pt,
		SequenceNumber: pkt.SequenceNumber + r.seqOff,
		Timestamp:      pkt.Timestamp + r.tsOff,
		SSRC:           r.ssrc,
	}
	// pion binds tracks before it can encrypt, and until then drops packets
	// without an error: a first packet that went nowhere has not been sent.
	n, _ := r.writer.WriteRTP(&h, pkt.Payload)
	if n == 0 && r.sent == 0 {
		return false
	}
	r.waiting = false
	r.sent++
	if r.sent == 1 || int16(h.SequenceNumber-r.lastSeq) > 0 {
		r.lastSeq, r.lastTS, r.lastAt = h.SequenceNumber, h.Timestamp, now
	}
	return false
}

// open notes that the peer has connected.
func (r *relay) open() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = true
}

// join sets the offsets so that pkt follows what was sent last by the time
// that has passed.
func (r *relay) join(pkt *rtp.Packet, now time.Time) {
	r.first = pkt.SequenceNumber
	r.seqOff = r.lastSeq + 1 - pkt.SequenceNumber
	next := r.lastTS
	if !r.lastAt.IsZero() {
		gap := min(now.Sub(r.lastAt), time.Hour)
		next += uint32(max(1, gap.Nanoseconds()*int64(r.codec.ClockRate)/int64(time.Second)))
	}
	r.tsOff = next - pkt.Timestamp
}
