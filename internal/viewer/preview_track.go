package viewer

import (
	"math/rand/v2"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// previewTrack is one track towards a browser that previews a camera. Its sequence
// numbers are its own and have no gaps: nobody could answer a NACK for a packet that
// the queue has dropped.
type previewTrack struct {
	outgoing
	seq  uint16
	ts   uint32 // added to the camera's
	sent bool   // something has left
}

func newPreviewTrack(kind webrtc.RTPCodecType, codec webrtc.RTPCodecCapability) *previewTrack {
	return &previewTrack{
		outgoing: outgoing{kind: kind, codec: codec},

		seq: uint16(rand.Uint32()), // RFC 3550 section 5.1: a random start, no secret
		ts:  rand.Uint32(),
	}
}

// write sends a packet. It returns false as long as nothing leaves: pion binds tracks
// before it can encrypt, and until then drops packets without an error.
func (t *previewTrack) write(p *queued) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writer == nil {
		return t.sent
	}
	h := rtp.Header{
		Version: 2, Marker: p.marker, PayloadType: t.pt, SSRC: t.ssrc,
		SequenceNumber: t.seq, Timestamp: p.ts + t.ts,
	}
	n, _ := t.writer.WriteRTP(&h, p.payload) // a lost connection ends by itself
	if n == 0 && !t.sent {
		return false
	}
	t.sent = true
	t.seq++
	return true
}
