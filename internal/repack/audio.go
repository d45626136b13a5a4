package repack

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// AudioStats describes an audio track. Counts are since its repacker was made.
type AudioStats struct {
	Packets, Bytes uint64 // sent; bytes with RTP headers, without extensions
	LostPackets    uint64 // missing on the camera's side
	LatePackets    uint64 // came twice, or after they were given up; not used
	Oversized      uint64 // larger than a packet may be; not sent
}

// maxAudioPayload is what one packet carries at most, in bytes. It leaves room
// for header extensions.
const maxAudioPayload = 1150

// audio is what the audio repackers have in common.
type audio struct {
	line  *Line
	order order
	hdr   rtp.Header

	// Cameras stamp audio with the jitter of their own scheduling, which
	// receivers take for gaps. expected is where the samples sent so far end;
	// as long as a packet's timestamp is within tolerance of it, it is used
	// instead. What is stamped earlier than expected can only be jitter, so that
	// early, where set, is the larger of the two.
	timed     bool
	expected  uint32
	tolerance int32
	early     int32
	gap       bool // packets were lost: the camera's timestamp says how much

	packets, bytes, lost, late, oversized atomic.Uint64
}

// Stats returns the state of the track. It may be called from any goroutine.
func (a *audio) Stats() AudioStats {
	return AudioStats{
		Packets:     a.packets.Load(),
		Bytes:       a.bytes.Load(),
		LostPackets: a.lost.Load(),
		LatePackets: a.late.Load(),
		Oversized:   a.oversized.Load(),
	}
}

// Restart says that a new session with the camera begins.
func (a *audio) Restart() {
	a.order = order{}
	a.timed, a.gap = false, false
	a.line.Rebase()
}

// accept checks the sequence number; it reports whether the packet is used.
func (a *audio) accept(pkt *rtp.Packet) bool {
	v, lost := a.order.check(pkt.SSRC, pkt.SequenceNumber)
	switch v {
	case tooLate:
		a.late.Add(1)
		return false
	case gap:
		a.lost.Add(uint64(lost))
		a.gap = true
	case anew:
		a.gap = true
	}
	return len(pkt.Payload) > 0
}

// stamp returns the timestamp, on the camera's clock, of a packet that lasts for
// the given number of clock ticks.
func (a *audio) stamp(ts, duration uint32) uint32 {
	off := int32(ts - a.expected)
	tolerance, early := a.tolerance, max(a.early, a.tolerance)
	if a.gap {
		// Less than half a packet is jitter even then.
		tolerance = int32(min(duration/2, uint32(tolerance)))
		early = tolerance
	}
	if a.timed && off <= tolerance && off >= -early {
		ts = a.expected
	}
	a.timed, a.gap = true, false
	a.expected = ts + duration
	return ts
}

func (a *audio) send(ts uint32, marker bool, payload []byte, arrived time.Time, w Writer) error {
	a.line.header(&a.hdr, a.line.next(ts, arrived), marker)
	a.packets.Add(1)
	a.bytes.Add(uint64(rtpHeaderSize + len(payload)))
	return w.WriteRTP(&a.hdr, payload)
}
