package whip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseICEServers(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []string
		want   []ICEServer
	}{
		{"none", nil, nil},
		{"one", []string{`<stun:stun.example.net>; rel="ice-server"`}, []ICEServer{{URL: "stun:stun.example.net"}}},
		{"token form", []string{`<turn:t.example.net?transport=udp>;rel=ice-server;username=u;credential=p`},
			[]ICEServer{{"turn:t.example.net?transport=udp", "u", "p"}}},
		{"any order and case", []string{`<turn:t>; Credential="p"; USERNAME=u; credential-type="password"; Rel="ICE-Server"`},
			[]ICEServer{{"turn:t", "u", "p"}}},
		{"joined by commas", []string{`<stun:a>;rel=ice-server,<https://x/>;rel=next , , <stun:b>; rel="ice-server"`},
			[]ICEServer{{URL: "stun:a"}, {URL: "stun:b"}}},
		{"two fields", []string{`<stun:a>;rel=ice-server`, `<stun:b>;rel=ice-server`}, []ICEServer{{URL: "stun:a"}, {URL: "stun:b"}}},
		{"escapes, and commas in quotes", []string{`<turn:t>; username="a\"b,;<c>"; credential="x\\y"; rel="ice-server", <stun:s>;rel=ice-server`},
			[]ICEServer{{"turn:t", `a"b,;<c>`, `x\y`}, {URL: "stun:s"}}},
		{"percent-encoded", []string{`<turn:1.2.3.4:3478%3Ftransport=udp>;rel="ice-server"`}, []ICEServer{{URL: "turn:1.2.3.4:3478?transport=udp"}}},
		{"first rel wins", []string{`<stun:a>;rel=next;rel=ice-server`}, nil},
		{"several relations", []string{`<stun:a>;rel="next ice-server"`}, []ICEServer{{URL: "stun:a"}}},
		{"not a server", []string{`<https://x/>;rel=ice-server, <stun:>;rel=ice-server, <stun:a b>;rel=ice-server`}, nil},
		{"one bad link", []string{`rubbish "with, comma", <stun:a>;rel=ice-server`}, []ICEServer{{URL: "stun:a"}}},
		{"bad parameters", []string{`<stun:a> rel=ice-server, <stun:b>;rel=ice-server;;=;x`}, []ICEServer{{URL: "stun:b"}}},
		{"open ends", []string{`<stun:a;rel=ice-server`, `<stun:b>;rel="ice-server`}, []ICEServer{{URL: "stun:b"}}},
		{"another extension", []string{`<https://h/e>; rel="urn:ietf:params:whip:ext:example"`}, nil},
	} {
		if got := ParseICEServers(c.fields); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzParseICEServers(f *testing.F) {
	for _, s := range []string{
		`<stun:a>;rel=ice-server, <turn:b?transport=tcp>; rel="ice-server"; username="u\"x"; credential=p`,
		`<turn:1.2.3.4:3478%3Ftransport=udp>;rel="ice-server"`,
		`<`, `<>;`, `<a>;rel="`, `,,"\`, "<stun:\x00>;rel=ice-server",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		for _, s := range ParseICEServers([]string{field}) {
			scheme, rest, ok := strings.Cut(s.URL, ":")
			if !ok || rest == "" || !slices.Contains([]string{"stun", "stuns", "turn", "turns"}, strings.ToLower(scheme)) ||
				strings.ContainsAny(s.URL, " \r\n\x00") {
				t.Errorf("%q gives %q", field, s.URL)
			}
		}
	})
}

func TestICEServerHidesItsCredential(t *testing.T) {
	s := ICEServer{"turn:t.example.com", "user", "hunter2hunter2"}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), fmt.Sprintf("%+v", Config{ICEServers: []ICEServer{s}})} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "turn:t.example.com (user)") {
			t.Error(text)
		}
	}
	if got := (ICEServer{URL: "stun:s"}).String(); got != "stun:s" {
		t.Error(got)
	}
}
