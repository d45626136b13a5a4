package whip

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const sampleAnswer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 97 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=recvonly\r\n" +
	"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=64001f\r\n" +
	"a=rtpmap:97 H264/90000\r\na=fmtp:97 profile-level-id=42E01F; packetization-mode=1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtcp-mux\r\na=recvonly\r\n"

func samplePlan(t testing.TB) []offeredTrack {
	plan, err := planTracks([]Track{videoTrack, {Kind: Audio, Codecs: []Codec{{Name: PCMU}, {Name: PCMA}}}})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestAnswerChoosesCodecs(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer string
		video  offeredCodec
		audio  string
	}{
		{"the answer's order", sampleAnswer, offeredCodec{Codec: Codec{ProfileLevelID: "42e01f"}, payloadType: 97}, PCMU},
		{"static payload type without rtpmap", strings.Replace(sampleAnswer, "SAVPF 0", "SAVPF 8", 1),
			offeredCodec{Codec: Codec{ProfileLevelID: "42e01f"}, payloadType: 97}, PCMA},
		{"no fmtp", strings.Replace(sampleAnswer, "a=fmtp:97 ", "a=x:97 ", 1),
			offeredCodec{Codec: Codec{ProfileLevelID: "42e01f"}, payloadType: 97}, PCMU},
		{"unknown format first", strings.Replace(sampleAnswer, "SAVPF 97 96", "SAVPF 120 96", 1),
			offeredCodec{Codec: Codec{ProfileLevelID: "64001f"}, payloadType: 96}, PCMU},
		{"a lower level", strings.Replace(sampleAnswer, "42E01F", "42E00D", 1),
			offeredCodec{Codec: Codec{ProfileLevelID: "42e00d"}, payloadType: 97}, PCMU},
		{"another payload type", strings.ReplaceAll(strings.Replace(sampleAnswer, "SAVPF 97 96", "SAVPF 125", 1), ":97 ", ":125 "),
			offeredCodec{Codec: Codec{ProfileLevelID: "42e01f"}, payloadType: 125}, PCMU},
		{"no direction is sendrecv", strings.ReplaceAll(sampleAnswer, "a=recvonly\r\n", ""),
			offeredCodec{Codec: Codec{ProfileLevelID: "42e01f"}, payloadType: 97}, PCMU},
	} {
		got, err := checkAnswer(c.answer, samplePlan(t))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got[0].payloadType != c.video.payloadType || got[0].ProfileLevelID != c.video.ProfileLevelID || got[1].Name != c.audio {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func FuzzCheckAnswer(f *testing.F) {
	f.Add(sampleAnswer)
	f.Add(strings.ReplaceAll(sampleAnswer, "\r\n", "\n"))
	f.Add(strings.ReplaceAll(sampleAnswer, "video 9", "video 0"))
	f.Add("v=0\r\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, answer string) {
		plan := samplePlan(t)
		chosen, err := checkAnswer(answer, plan)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		if len(chosen) != len(plan) || chosen[0].Name != H264 || chosen[1].Name == H264 || chosen[0].payloadType > 127 {
			t.Errorf("%q: %+v", answer, chosen)
		}
		candidates(answer)
	})
}

func FuzzDetail(f *testing.F) {
	f.Add("text/plain", []byte("no such key tok-31337\r\n\x1b[1m"))
	f.Add("application/problem+json", []byte(`{"title":"t","detail":"bad \u0007 tok-31337"}`))
	f.Add("", []byte("t\x01ok-31337"))
	f.Add("text/html", []byte("<html>"))
	f.Add("", []byte("\xff\xfe\u202e"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got := detail(contentType, body, "tok-31337")
		if strings.ContainsAny(got, "\r\n\t\x1b\x00") || strings.Contains(got, "tok-31337") || !utf8.ValidString(got) ||
			utf8.RuneCountInString(got) > maxDetail+3 {
			t.Errorf("%q gives %q", body, got)
		}
	})
}
