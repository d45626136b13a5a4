package repack

import (
	"time"

	"github.com/pion/rtp"
)

// opusTick is the step of Opus timestamps: 2.5 ms at 48 kHz, the shortest frame
// (RFC 7587, section 4.2; RFC 6716, section 2.1.4).
const opusTick = 120

// opusEarly is by how much a packet may be stamped earlier than expected, in
// ticks of 48 kHz: half a second.
const opusEarly = 24000

// Opus passes Opus packets on (RFC 7587), on a line of its own.
type Opus struct {
	audio
}

// NewOpus returns a repacker on the given line of 48 kHz.
func NewOpus(line *Line) *Opus {
	return &Opus{audio: audio{line: line, early: opusEarly}}
}

// Push repacks one packet and writes what becomes of it. The error is the
// writer's. Gaps in time without a gap in sequence, as DTX makes them, stay.
func (o *Opus) Push(pkt *rtp.Packet, arrived time.Time, w Writer) error {
	if !o.accept(pkt) {
		return nil
	}
	if len(pkt.Payload) > maxAudioPayload {
		o.oversized.Add(1)
		return nil
	}
	duration := opusDuration(pkt.Payload)
	o.tolerance = int32(duration * 3 / 4) // a gap that DTX makes is a whole packet at least
	return o.send(o.stamp(pkt.Timestamp, duration), pkt.Marker, pkt.Payload, arrived, w)
}

// opusDuration returns how long a packet lasts, in ticks of 48 kHz, from its
// first bytes (RFC 6716, section 3.1).
func opusDuration(b []byte) uint32 {
	config := b[0] >> 3
	var frame uint32
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [4]uint32{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = opusTick << (config & 3)
	}
	switch b[0] & 3 {
	case 0:
		return frame
	case 3:
		if len(b) < 2 {
			return frame
		}
		return frame * max(uint32(b[1]&0x3f), 1)
	default:
		return frame * 2
	}
}
