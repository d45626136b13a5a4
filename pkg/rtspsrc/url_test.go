package rtspsrc

import (
	"errors"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, tc := range []struct{ in, out, user, pass string }{
		{in: "rtsp://10.0.0.11/stream1", out: "rtsp://10.0.0.11/stream1"},
		{in: "  RTSP://cam.local:8554 \n", out: "rtsp://cam.local:8554"},
		{in: "rtsps://[fe80::1%25eth0]:322/a", out: "rtsps://[fe80::1%25eth0]:322/a"},
		{in: "rtsp://[2001:db8::1]/", out: "rtsp://[2001:db8::1]/"},
		{in: "rtsp://u:p@h/x", out: "rtsp://h/x", user: "u", pass: "p"},
		{in: "rtsp://u:p@ss:w@h/x", out: "rtsp://h/x", user: "u", pass: "p@ss:w"},
		{in: "rtsp://u:100%@h/x", out: "rtsp://h/x", user: "u", pass: "100%"},
		{in: "rtsp://u:%23%2f@h/x", out: "rtsp://h/x", user: "u", pass: "#/"},
		{in: "rtsp://u@h/x", out: "rtsp://h/x", user: "u"},
		{in: "rtsp://h/x@y?a=b@c", out: "rtsp://h/x@y?a=b@c"},
		{in: "rtsp://h/x@y%20z/1", out: "rtsp://h/x@y%20z/1"},
		{in: "rtsp://h/50% of it", out: "rtsp://h/50%25%20of%20it"},
		{in: "rtsp://h?channel=1", out: "rtsp://h/?channel=1"},
		{in: "rtsps://h:7441/abc?enableSrtp", out: "rtsps://h:7441/abc"},
		{in: "rtsp://h/cam/realmonitor?channel=1&subtype=0", out: "rtsp://h/cam/realmonitor?channel=1&subtype=0"},
		{in: "rtsp://h/user=admin_password=_channel=1.sdp?real", out: "rtsp://h/user=admin_password=_channel=1.sdp?real"},
	} {
		u, user, pass, err := parseURL(tc.in)
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
			continue
		}
		if u.String() != tc.out || user != tc.user || pass != tc.pass {
			t.Errorf("%q: %q %q %q, want %q %q %q", tc.in, u.String(), user, pass, tc.out, tc.user, tc.pass)
		}
	}
}

func TestParseURLErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "no scheme",
		"10.0.0.11/stream1":           "no scheme",
		"http://10.0.0.11/":           "http://",
		"rtspt://10.0.0.11/":          "rtspt://",
		"ftp://s3cret@h/":             "neither rtsp nor rtsps",
		"rtsp:///stream1":             "no host",
		"rtsp://:554/":                "no host",
		"rtsp://h:0/":                 "port",
		"rtsp://h:99999/":             "port",
		"rtsp://h:s3cret/":            "port",
		"rtsp://fe80::1/":             "colons",
		"rtsp://[s3cret]/":            "IPv6",
		"rtsp://ho st/":               "character",
		"rtsp://\xf5/":                "character",
		"rtsp://h/x#s3cret":           "#",
		"rtsp://u:s3cret#1@10.0.0.1/": "password in it",
		"rtsp://u:s3cret/1@10.0.0.1/": "password in it",
		"rtsp://u:s3cret?1@10.0.0.1/": "password in it",
	} {
		_, err := New(Config{URL: in})
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if !strings.Contains(e.Error(), want) || e.Hint() == "" || !e.Slow() || e.Op != "url" {
			t.Errorf("%q: %v (hint %q), want %q", in, e, e.Hint(), want)
		}
		if strings.Contains(e.Error()+e.Hint(), "s3cret") {
			t.Errorf("%q: a secret in %v", in, e)
		}
	}
}

func TestNewChecks(t *testing.T) {
	for name, cfg := range map[string]Config{
		"short fingerprint": {URL: "rtsps://h/", TLS: TLSConfig{SHA256: "abcd"}},
		"pin without TLS":   {URL: "rtsp://h/", TLS: TLSConfig{SHA256: strings.Repeat("ab", 32)}},
		"insecure and pin":  {URL: "rtsps://h/", TLS: TLSConfig{SHA256: strings.Repeat("ab", 32), Insecure: true}},
		"transport":         {URL: "rtsp://h/", Transport: 9},
	} {
		_, err := New(cfg)
		var e *Error
		if !errors.As(err, &e) || e.Op != "config" || e.Hint() == "" || !e.Slow() {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, fp := range []string{
		strings.Repeat("ab", 32), "SHA256:" + strings.Repeat("AB", 32), "sha256 Fingerprint=" + strings.Repeat("AB:", 31) + "AB",
	} {
		if _, err := New(Config{URL: "rtsps://h/", TLS: TLSConfig{SHA256: fp}}); err != nil {
			t.Errorf("%q: %v", fp, err)
		}
	}
	s, err := New(Config{URL: "rtsp://admin:geheim@h/x?token=geheim"})
	if err != nil || s.URL() != "rtsp://h/x?token=xxx" {
		t.Errorf("%v %v", s.URL(), err)
	}
}

func TestTransportNames(t *testing.T) {
	for _, tr := range []Transport{Auto, TCP, UDP, Multicast} {
		if got, err := ParseTransport(tr.String()); err != nil || got != tr {
			t.Errorf("%v: %v %v", tr, got, err)
		}
	}
	if _, err := ParseTransport("pigeon"); err == nil {
		t.Error("pigeon accepted")
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"rtsp://u:p@h/x":                       "rtsp://h/x",
		"dial rtsps://u:p@p@h:1/x and so on":   "dial rtsps://h:1/x and so on",
		"rtsp://h/x?token=abc&channel=1":       "rtsp://h/x?token=xxx&channel=1",
		"rtsp://h/x?PassWord=a_b&x=1":          "rtsp://h/x?PassWord=xxx&x=1",
		"rtsp://h/user=a_password=x_channel=1": "rtsp://h/user=a_password=xxx_channel=1",
		"rtsp://h/x?a=1&authkey=z":             "rtsp://h/x?a=1&authkey=xxx",
		"rtsp://h/x?loginuse=a&loginpas=b":     "rtsp://h/x?loginuse=a&loginpas=xxx",
		"rtsp://h/stream1?channel=1":           "rtsp://h/stream1?channel=1",
		"password=":                            "password=",
	} {
		if got := redact(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"rtsp://u:p@h:554/a?b=c", "rtsps://[::1]/", "rtsp://h/%zz#x", "rtsp://u:%@/", "rtsp://a:b/c@d", "x://", "rtsp://h/x?enableSrtp",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, _, pass, err := parseURL(s)
		if err != nil {
			_ = err.Error()
			return
		}
		if u.User != nil || u.Fragment != "" || u.Host == "" {
			t.Fatalf("%q gives %q", s, u.String())
		}
		if again, _, _, err := parseURL(u.String()); err != nil || again.String() != u.String() {
			t.Fatalf("%q gives %q, which does not parse to itself: %v", s, u.String(), err)
		}
		if len(pass) > 6 && !strings.Contains(u.String(), pass) && strings.Contains(redact(s), pass) && strings.HasPrefix(s, "rtsp://") {
			t.Fatalf("%q redacted is %q", s, redact(s))
		}
	})
}
