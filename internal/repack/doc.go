// Package repack turns the RTP packets of a camera into RTP packets that a
// WebRTC receiver takes: RTP in, RTP out, packet by packet, without I/O,
// goroutines or clocks of its own.
//
// A repacker belongs to one outgoing track and lives as long as that track
// does, across reconnects of the camera: its [Line] keeps sequence numbers and
// timestamps going forward whatever the camera's do. Push, Restart and
// SetParameterSets are called by one goroutine at a time; Stats and
// ParameterSets may be called from any.
package repack

import "github.com/pion/rtp"

// Writer takes one outgoing packet. Neither the header nor the payload may be
// kept after WriteRTP returns: both are used again for the next packet. The
// writer sets the SSRC and the payload type; it may add header extensions.
type Writer interface {
	WriteRTP(h *rtp.Header, payload []byte) error
}

// Sizes in bytes.
const (
	// rtpHeaderSize is an RTP header without CSRCs (RFC 3550, section 5.1).
	rtpHeaderSize = 12
	// defaultPacketSize keeps an RTP packet, with what SRTP, TURN, UDP and IPv6
	// put around it, below the MTU of any usual path.
	defaultPacketSize = 1200
	// minPayloadSize is where fragmenting stops being sensible: a smaller limit
	// is a mistake in the configuration and is raised to this.
	minPayloadSize = 64
)
