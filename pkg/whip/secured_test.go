package whip

import (
	"testing"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// A session is handed out when its keys are in use and not before: the first packet
// written arrives. It would be the beginning of the first key frame.
func TestFirstPacketArrives(t *testing.T) {
	for range 20 {
		server := whiptest.NewServer(t, whiptest.Config{})
		s := publish(t, server, Config{}, videoTrack)
		h := rtp.Header{Version: 2, SequenceNumber: 77, Marker: true}
		if err := s.WriteRTP(0, &h, []byte{0x65, 1, 2}); err != nil {
			t.Fatal(err)
		}
		server.WaitSession(t).WaitPackets(t, Video, 1)
	}
}
