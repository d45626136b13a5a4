package site

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// H.265 arrives at a receiver that takes it, with its parameter sets.
func TestH265FromCameraToReceiver(t *testing.T) {
	v, err := testdata.Clip("h265")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sets []byte // the first aggregation packet
	markers := 0
	server := whiptest.NewServer(t, whiptest.Config{OnRTP: func(_ string, p *rtp.Packet) {
		mu.Lock()
		defer mu.Unlock()
		if sets == nil && p.Payload[0]>>1 == 48 {
			sets = slices.Clone(p.Payload)
		}
		if p.Marker {
			markers++
		}
	}})
	cam := aCamera("hevc", startCamera(t, camsim.Config{Clip: "h265"}).URL())
	cam.Codec = CodecH265
	site := runSite(t, server, cam)
	s := site.wait("hevc", "key frames", func(s publisher.Status) bool { return s.State == publisher.Live && s.KeyFrames > 1 })
	if s.Codec != "H265" || s.Width != v.Width || s.Reason != "" {
		t.Errorf("status: %+v", s)
	}
	site.wait("hevc", "pictures", func(publisher.Status) bool {
		mu.Lock()
		defer mu.Unlock()
		return markers > 10
	})
	want := []byte{48 << 1, 1}
	for _, u := range v.ParameterSets {
		want = append(append(want, byte(len(u)>>8), byte(len(u))), u...)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(sets, want) {
		t.Errorf("the parameter sets are %x, want %x", sets, want)
	}
	if offer := server.Requests("POST")[0].Body; strings.Contains(offer, "H264") || !strings.Contains(offer, "H265/90000") {
		t.Errorf("offer:\n%s", offer)
	}
}

// What cannot be shown is told with the setting to change, and nothing is posted.
func TestVideoThatIsRefused(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Codecs: []string{"H264"}})
	bframes := aCamera("b-frames", startCamera(t, camsim.Config{Clip: "360p-bframes"}).URL())
	pyramid := aCamera("b-pyramid", startCamera(t, camsim.Config{Clip: "360p-pyramid"}).URL())
	hevc := aCamera("hevc", startCamera(t, camsim.Config{Clip: "h265"}).URL())
	avc := aCamera("avc", startCamera(t, camsim.Config{Clip: "360p-main"}).URL())
	avc.Codec = CodecH265
	site := runSite(t, server, bframes, pyramid, hevc, avc)
	for name, want := range map[string]string{
		"b-frames": "the camera sends B-frames", "b-pyramid": "the camera sends B-frames",
		"hevc": "not H.264 but H265", "avc": "not H.265 but H264",
	} {
		s := site.wait(name, "refusal", in(publisher.Reconnecting))
		if !strings.Contains(s.Reason, want) || s.Hint == "" {
			t.Errorf("%s: %s (%s)", name, s.Reason, s.Hint)
		}
	}
	if n := len(server.Requests("POST")); n != 0 {
		t.Errorf("%d sessions were asked for", n)
	}
}

// With b_frames: drop the same camera is shown.
func TestBFramesThatAreDropped(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	cam := aCamera("b-frames", startCamera(t, camsim.Config{Clip: "360p-bframes"}).URL())
	cam.BFrames = BFramesDrop
	site := runSite(t, server, cam)
	s := site.wait("b-frames", "frames", func(s publisher.Status) bool { return s.State == publisher.Live && s.FPS > 1 })
	if s.Reason != "" {
		t.Errorf("reason: %s", s.Reason)
	}
}
