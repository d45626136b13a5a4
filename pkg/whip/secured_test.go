package whip

import (
	"testing"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// TestFirstPacketIsSent: the library drops, without an error, what is written
// between "connected" and the moment that the keys are in use.
func TestFirstPacketIsSent(t *testing.T) {
	for _, passive := range []bool{false, true} {
		server := whiptest.NewServer(t, whiptest.Config{PassiveDTLS: passive})
		for range 20 {
			s := publish(t, server, Config{}, videoTrack)
			track := s.tracks[0]
			n, err := track.writer.WriteRTP(&rtp.Header{Version: 2, SSRC: track.ssrc, PayloadType: 96}, []byte{0x65})
			if err != nil || n == 0 {
				t.Fatalf("passive %v: %d bytes of the first packet were sent: %v", passive, n, err)
			}
		}
	}
}
