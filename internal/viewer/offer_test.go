package viewer

import (
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

func TestMoveCandidates(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
	const candidates = "a=candidate:1 1 udp 2130706431 127.0.0.1 40763 typ host\r\na=end-of-candidates\r\n"
	const taken = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n"
	const refused = "m=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n"
	for _, tt := range []struct{ name, in, want string }{
		{"first section refused", head + refused + candidates + taken, head + refused + taken + candidates},
		{"second section refused", head + taken + candidates + refused, head + taken + candidates + refused},
		{"nothing refused", head + taken + candidates, head + taken + candidates},
		{"no section", head, head},
	} {
		got, err := moveCandidates(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, got, tt.want)
		}
	}
	if _, err := moveCandidates("<html>"); err == nil {
		t.Error("HTML was taken for an answer")
	}
}

func TestFirefoxGetsARealAddress(t *testing.T) {
	s := newServer(t, Config{})
	header := map[string]string{"Content-Type": "application/sdp"}
	if w := ask(s.Handler(), "POST", "/whip/gate", h264Offer, header); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	offer := strings.Replace(h264Offer, "sendonly", "recvonly", 1)
	if !needsRealAddress(strings.Replace(offer, "o=- ", "o=mozilla...THIS_IS_SDPARTA-99.0 ", 1)) {
		t.Error("a Firefox was not recognised")
	}
	if needsRealAddress(offer) {
		t.Error("taken for a Firefox")
	}
	w := ask(s.Handler(), "POST", "/whep/gate", strings.Replace(offer, "o=- ", "o=mozilla...THIS_IS_SDPARTA-99.0 ", 1), header)
	if w.Code != 201 || !strings.Contains(w.Body.String(), "a=candidate:") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func FuzzOffer(f *testing.F) {
	f.Add(h264Offer)
	f.Add(h264Offer + audioSection)
	f.Add(strings.Replace(h264Offer, "m=video 9", "m=video 0", 1) + audioSection)
	f.Add("v=0\r\n")
	f.Fuzz(func(t *testing.T, offer string) {
		kinds, media, err := parseOffer(offer)
		if err == nil && (len(media) == 0 || len(media) > 2 || !kinds.audio && !kinds.video) {
			t.Errorf("taken with %d sections: %+v", len(media), kinds)
		}
		_ = checkPublishOffer(offer)
		_, _ = checkPlayOffer(offer)
		_ = checkAnswer(offer)
		moved, err := moveCandidates(offer)
		if err != nil {
			return
		}
		var desc sdp.SessionDescription
		if desc.UnmarshalString(moved) == nil && len(desc.MediaDescriptions) > 0 {
			if m := desc.MediaDescriptions[0]; m.MediaName.Port.Value == 0 && len(m.Attributes) > 0 {
				t.Errorf("the rejected section keeps its attributes: %q", moved)
			}
		}
	})
}
