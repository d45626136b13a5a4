package whip

import (
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// Answers that name the stream's profile in other words than the offer, as Chromium
// does (RFC 6184 section 8.1, table 5), or not at all, are taken, and the packets have
// the payload type of that format.
func TestAnswerInOtherWords(t *testing.T) {
	main := Track{Kind: Video, Codecs: []Codec{{Name: H264, ProfileLevelID: "4d401f"}}}
	for name, mutate := range map[string]func(string) string{
		"same profile": func(sdp string) string {
			return strings.Replace(sdp, "profile-level-id=4d001f", "profile-level-id=4d0028", 1)
		},
		"no parameters": func(sdp string) string { return remove("a=fmtp:96 .*")(sdp) },
	} {
		t.Run(name, func(t *testing.T) {
			server := whiptest.NewServer(t, whiptest.Config{MutateAnswer: func(sdp string) string {
				// The server's library picks the second format; put the first one first.
				sdp = strings.Replace(sdp, "a=rtpmap:97 ", "a=rtpmap:96 H264/90000\r\na=fmtp:96 "+
					"packetization-mode=1;profile-level-id=4d001f\r\na=rtpmap:97 ", 1)
				return mutate(strings.Replace(sdp, "SAVPF 97", "SAVPF 96 97", 1))
			}})
			s := publish(t, server, Config{}, main)
			pump(t, s, 0, 500)
			eventually(t, "packets to leave", func() bool { return s.Stats().Tracks[0].PacketsSent > 10 })
			if pt := s.tracks[0].chosen.payloadType; pt != 96 || !strings.Contains(s.answer, "SAVPF 96 97") {
				t.Errorf("payload type %d, by the answer\n%s", pt, s.answer)
			}
		})
	}
}
