package whip

import (
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// A server that is ICE lite leaves the checks and the choice of the path to the
// client, which never is.
func TestICELiteServer(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{MutateAnswer: func(sdp string) string {
		return strings.Replace(sdp, "m=video", "a=ice-lite\r\nm=video", 1)
	}})
	s := publish(t, server, Config{}, videoTrack)
	pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 20)
	if strings.Contains(peer.Offer(), "ice-lite") {
		t.Error("the offer is ICE lite")
	}
}
