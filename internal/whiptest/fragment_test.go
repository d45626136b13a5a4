package whiptest

import (
	"strings"
	"testing"
)

const goodFragment = "a=group:BUNDLE 0 1\r\na=ice-options:trickle\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n" +
	"a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=end-of-candidates\r\n"

func TestParseFragment(t *testing.T) {
	f, err := ParseFragment(goodFragment)
	if err != nil || f.Ufrag != "u" || f.Pwd != "p" || f.MID != "0" || len(f.Candidates) != 1 || !f.Complete || f.Options[0] != "trickle" {
		t.Errorf("%v, %+v", err, f)
	}
	change := func(old, to string) string { return strings.Replace(goodFragment, old, to, 1) }
	for name, text := range map[string]string{
		"empty":             "",
		"line feeds":        strings.ReplaceAll(goodFragment, "\r\n", "\n"),
		"whole description": "v=0\r\n" + goodFragment,
		"second section":    goodFragment[:len(goodFragment)-21] + "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n",
		"after the end":     goodFragment + "a=candidate:2 1 udp 1 192.0.2.1 2 typ host\r\n",
		"no mid":            change("a=mid:0\r\n", ""),
		"another mid":       change("a=mid:0", "a=mid:1"),
		"mid not at once":   change("a=mid:0\r\na=ice-ufrag:u\r\n", "a=ice-ufrag:u\r\na=mid:0\r\n"),
		"no credentials":    change("a=ice-pwd:p\r\n", ""),
		"credentials twice": change("a=ice-pwd:p\r\n", "a=ice-pwd:p\r\na=ice-pwd:p\r\n"),
		"no section":        "a=ice-ufrag:u\r\na=ice-pwd:p\r\n",
		"early candidate":   "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n" + goodFragment,
		"short candidate":   change("1 1 udp 1 192.0.2.1 1 typ host", "1 1 udp"),
		"no attribute":      change("a=ice-options:trickle", "b=AS:1"),
		"media attribute":   change("a=ice-ufrag:u", "a=sendonly"),
		"another group":     change("BUNDLE 0 1", "LS 0 1"),
		"bad media line":    change("video 9 UDP/TLS/RTP/SAVPF 96", "video"),
	} {
		if _, err := ParseFragment(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseFragment(f *testing.F) {
	f.Add(goodFragment)
	f.Add("v=0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		if frag, err := ParseFragment(text); err == nil && (frag.MID == "" || frag.Ufrag == "" || frag.Pwd == "") {
			t.Errorf("%q: %+v", text, frag)
		}
	})
}
