package rtspsrc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// TestTracksAreFound holds the choice to what cameras put around the stream that is
// wanted: the chosen payload types, with the video's first.
func TestTracksAreFound(t *testing.T) {
	video := func(pt int, codec string, w, h int) string {
		return fmt.Sprintf("m=video 0 RTP/AVP %[1]d\r\na=rtpmap:%[1]d %[2]s/90000\r\na=fmtp:%[1]d sprop-parameter-sets=%[3]s\r\na=control:v%[1]d\r\n",
			pt, codec, sprop(w, h))
	}
	hevc := "m=video 0 RTP/AVP 100\r\na=rtpmap:100 H265/90000\r\na=control:v100\r\n"
	const (
		metadata = "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:meta\r\na=recvonly\r\n"
		talk     = "m=audio 0 RTP/AVP 8\r\na=control:talk\r\na=sendonly\r\n"
		listen   = "m=audio 0 RTP/AVP 0\r\na=control:listen\r\na=recvonly\r\n"
		jpeg     = "m=video 0 RTP/AVP 26\r\na=control:jpeg\r\n"
	)
	for name, tc := range map[string]struct {
		sdp     string
		want    []uint8
		ignored []string // codecs
	}{
		"metadata and two videos": {metadata + video(96, "H264", 640, 352) + video(97, "H264", 1280, 720), []uint8{97}, []string{"VND.ONVIF.METADATA", "H264"}},
		"large video first":       {video(96, "H264", 1280, 720) + video(97, "H264", 640, 352) + metadata, []uint8{96}, []string{"H264", "VND.ONVIF.METADATA"}},
		"back channel first":      {talk + listen + video(96, "H264", 640, 352), []uint8{96, 0}, []string{"PCMA"}},
		"HEVC main, H.264 sub":    {hevc + video(96, "H264", 640, 352) + listen, []uint8{96, 0}, []string{"H265"}},
		"JPEG first":              {jpeg + video(96, "H264", 640, 352), []uint8{96}, []string{"JPEG"}},
		"all of it":               {metadata + talk + hevc + jpeg + listen + video(96, "H264", 640, 352) + video(97, "h264", 1920, 1088), []uint8{97, 0}, []string{"VND.ONVIF.METADATA", "PCMA", "H265", "JPEG", "H264"}},
		"all sendonly":            {strings.ReplaceAll(video(96, "H264", 640, 352)+listen, "a=control", "a=sendonly\r\na=control"), []uint8{96, 0}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cam := startScript(t, &script{answers: map[string][]string{"DESCRIBE": {describeAnswer("", sdpHead+tc.sdp)}}})
			sess, err := newSource(t, rtspsrc.Config{URL: cam.URL()}).Open(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			defer sess.Close()
			var got []uint8
			for _, tr := range sess.Tracks() {
				got = append(got, tr.PayloadType)
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("tracks %v, want %v", got, tc.want)
			}
			left := map[string]int{}
			for _, i := range sess.Ignored() {
				left[i.Codec]++
				if i.Reason == "" {
					t.Errorf("no reason: %+v", i)
				}
			}
			for _, c := range tc.ignored {
				left[c]--
			}
			for c, n := range left {
				if n != 0 {
					t.Errorf("codec %q is ignored %+d times too often: %+v", c, n, sess.Ignored())
				}
			}
		})
	}
}
