package whip

import (
	"slices"
	"strings"
	"testing"
)

const testAnswer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:old\r\na=ice-pwd:oldpassword\r\n" +
	"a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=end-of-candidates\r\na=recvonly\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=mid:1\r\na=ice-ufrag:old\r\na=ice-pwd:oldpassword\r\na=recvonly\r\n"

func TestParseFragment(t *testing.T) {
	const plain = "a=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:u1\r\na=ice-pwd:p1\r\n" +
		"a=candidate:1 1 udp 1 192.0.2.9 1 typ host\r\na=end-of-candidates\r\n"
	for name, text := range map[string]string{
		"fragment":       plain,
		"line feeds":     strings.ReplaceAll(plain, "\r\n", "\n"),
		"no mid":         strings.ReplaceAll(plain, "a=mid:0\r\n", ""),
		"preamble":       "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n" + strings.ReplaceAll(plain, "\r\n", "\n"),
		"session level":  "a=ice-ufrag:u1\r\na=ice-pwd:p1\r\n" + plain,
		"spaces at ends": strings.ReplaceAll(plain, "\r\n", " \r\n"),
	} {
		f, err := parseFragment(text)
		if err != nil || f.ufrag != "u1" || f.pwd != "p1" || !f.complete ||
			!slices.Equal(f.candidates, []string{"1 1 udp 1 192.0.2.9 1 typ host"}) {
			t.Errorf("%s: %v, %+v", name, err, f)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "no password": "a=ice-ufrag:u\r\n", "no credentials": "a=candidate:1 1 udp 1 192.0.2.9 1 typ host\r\n",
		"control characters": "a=ice-ufrag:u\x01\r\na=ice-pwd:p\r\n",
	} {
		if _, err := parseFragment(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The fragment's credentials stand for the answer's own in every section, its
// candidates replace all others.
func TestWithFragment(t *testing.T) {
	got := withFragment(testAnswer, fragment{ufrag: "new", pwd: "newpassword", candidates: []string{"2 1 udp 1 192.0.2.2 2 typ host"}, complete: true})
	if strings.Contains(got, "old") || strings.Count(got, "a=ice-ufrag:new\r\n") != 2 || strings.Count(got, "a=ice-pwd:newpassword\r\n") != 2 ||
		strings.Count(got, "a=candidate") != 1 || strings.Count(got, "a=end-of-candidates") != 1 || strings.Count(got, "a=recvonly") != 2 {
		t.Errorf("%s", got)
	}
	if got := withFragment(testAnswer, fragment{ufrag: "n", pwd: "n"}); strings.Contains(got, "candidate") {
		t.Errorf("%s", got)
	}
}

// The end of candidates comes last, wherever the description has it.
func TestFragmentOfEndsWithTheEnd(t *testing.T) {
	early := strings.Replace(strings.Replace(testAnswer, "a=end-of-candidates\r\n", "", 1), "a=candidate", "a=end-of-candidates\r\na=candidate", 1)
	if got := fragmentOf(early); !strings.HasSuffix(got, "typ host\r\na=end-of-candidates\r\n") {
		t.Errorf("%s", got)
	}
}

func FuzzParseFragment(f *testing.F) {
	f.Add("a=ice-ufrag:u\r\na=ice-pwd:p\r\n")
	f.Add(testAnswer)
	f.Add("v=0\nm=\na=candidate:\na=ice-ufrag:u\na=ice-pwd:\xff\n")
	f.Fuzz(func(t *testing.T, text string) {
		frag, err := parseFragment(text)
		if err != nil {
			return
		}
		sdp := withFragment(testAnswer, frag)
		if strings.Count(sdp, "\r\n") != strings.Count(sdp, "\n") || strings.Count(sdp, "m=") < 2 {
			t.Errorf("%q", sdp)
		}
		again, err := parseFragment(fragmentOf(sdp))
		if err != nil || again.ufrag != frag.ufrag || again.pwd != frag.pwd || !slices.Equal(again.candidates, frag.candidates) {
			t.Errorf("%+v became %+v: %v", frag, again, err)
		}
	})
}
