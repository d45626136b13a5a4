package repack

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// opusTick is the step of Opus timestamps: 2.5 ms at 48 kHz, the shortest frame
	// (RFC 7587, section 4.2; RFC 6716, section 2.1.4).
	opusTick = 120
	// opusPiece is 20 ms in ticks of 48 kHz: what receivers expect of a packet, and
	// the best for their jitter buffers.
	opusPiece = 960
	// opusEarly is by how much a packet may be stamped earlier than expected, in
	// ticks of 48 kHz: half a second.
	opusEarly = 24000
)

// Opus repacks Opus (RFC 7587) into packets of 20 ms, on a line of its own. Frames are
// moved, never changed: those of less than 20 ms are gathered, packets of several are
// cut, and a single frame of 40 or 60 ms, which only decoding could cut, stays as it is.
type Opus struct {
	audio
	scratch opusPacket // the one in hand
	kept    opusKept
}

// NewOpus returns a repacker on the given line of 48 kHz.
func NewOpus(line *Line) *Opus {
	return &Opus{audio: audio{line: line, early: opusEarly}}
}

// Restart says that a new session with the camera begins.
func (o *Opus) Restart() {
	o.audio.Restart()
	o.kept.clear()
}

// Push repacks one packet and writes what becomes of it and of packets before it; less
// than 20 ms is kept for the next one. The error is the writer's first one. Gaps in
// time without a gap in sequence, as DTX makes them, stay. What is no valid packet is
// the receiver's to judge and passes.
func (o *Opus) Push(pkt *rtp.Packet, arrived time.Time, w Writer) error {
	if !o.accept(pkt) {
		return nil
	}
	in := &o.scratch
	valid := in.parse(pkt.Payload)
	if !valid {
		in.frame, in.count = opusDuration(pkt.Payload), 1
	}
	duration := in.frame * uint32(in.count)
	o.tolerance = int32(duration * 3 / 4) // a gap that DTX makes is a whole packet at least
	ts := o.stamp(pkt.Timestamp, duration)

	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	if o.kept.count > 0 && (!valid || !o.kept.continues(in.toc, ts)) {
		note(o.flush(arrived, w))
	}
	asItIs := duration == opusPiece && len(pkt.Payload) <= maxAudioPayload || in.count == 1 && in.frame > opusPiece
	if !valid || o.kept.count == 0 && asItIs {
		note(o.sendOpus(ts, pkt.Marker, pkt.Payload, arrived, w))
		return first
	}
	data := in.data
	for i, size := range in.sizes[:in.count] {
		at := ts + uint32(i)*in.frame
		if !o.kept.fits(int(size), in.frame) {
			note(o.flush(arrived, w))
		}
		o.kept.add(in.toc, data[:size], at, in.frame, pkt.Marker && i == 0)
		data = data[size:]
		if o.kept.duration >= opusPiece {
			note(o.flush(arrived, w))
		}
	}
	return first
}

// flush sends what is kept, if anything.
func (o *Opus) flush(arrived time.Time, w Writer) error {
	k := &o.kept
	if k.count == 0 {
		return nil
	}
	payload := k.compose()
	ts, marker := k.begin, k.marker
	k.clear()
	return o.sendOpus(ts, marker, payload, arrived, w)
}

func (o *Opus) sendOpus(ts uint32, marker bool, payload []byte, arrived time.Time, w Writer) error {
	if len(payload) > maxAudioPayload {
		o.oversized.Add(1)
		return nil
	}
	return o.send(ts, marker, payload, arrived, w)
}
