package ingress

import (
	"net/url"
	"strings"
	"testing"
)

func TestServerWHIPURL(t *testing.T) {
	for in, want := range map[string]string{
		"wss://lk.example.com":              "https://lk.example.com/whip/v1",
		"ws://127.0.0.1:7880":               "http://127.0.0.1:7880/whip/v1",
		"https://lk.example.com/":           "https://lk.example.com/whip/v1",
		"http://lk.example.com:80//":        "http://lk.example.com:80/whip/v1",
		" WSS://LK.example.com/livekit/ \n": "https://LK.example.com/livekit/whip/v1",
		"ws://[::1]:7880":                   "http://[::1]:7880/whip/v1",
	} {
		if got, err := ServerWHIPURL(in); err != nil || got != want {
			t.Errorf("ServerWHIPURL(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestBadServerURLs(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "empty",
		"  ":                          "empty",
		"lk.example.com":              "no ws://",
		"localhost:7880":              "no ws://",
		"10.0.0.1:7880":               "not a URL",
		"rtsp://10.0.0.1/":            "no ws://",
		"wss://":                      "no host",
		"wss:///path":                 "no host",
		"wss:opaque":                  "no host",
		"ws://::1":                    "no host",
		"wss://:7880":                 "no host",
		"wss://lk.example.com:port":   "not a URL",
		"wss://key:secret@lk.e.com":   "user name in the URL",
		"wss://lk.e.com?token=x":      "query or fragment",
		"wss://lk.e.com/#fragment":    "query or fragment",
		"wss://lk.e.com/\x7f":         "not a URL",
		"wss://key:secret@lk.e.com:x": "not a URL",
	} {
		_, err := New(Config{URL: in, APIKey: "k", APISecret: "s"})
		wantError(t, err, Invalid, true, "livekit url: "+want, " ")
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q holds the password", err)
		}
	}
}

func TestWHIPURL(t *testing.T) {
	for _, tc := range []struct{ returned, override, want, err string }{
		{"https://whip.example.com/w", "", "https://whip.example.com/w", ""},
		{"https://whip.example.com/w/", "", "https://whip.example.com/w", ""},
		{"https://whip.example.com/w//", "", "https://whip.example.com/w", ""},
		{"http://ingress:8080/w", "https://outside.example.com/w/", "https://outside.example.com/w", ""},
		{"", "https://outside.example.com/w", "https://outside.example.com/w", ""},
		{"https://whip.example.com/w?x=1", "", "https://whip.example.com/w?x=1", ""},
		{"", "", "", "LiveKit returned none"},
		{"whip.example.com/w", "", "", "LiveKit returned something"},
		{"wss://whip.example.com/w", "", "", "LiveKit returned something"},
		{"https://", "", "", "LiveKit returned something"},
		{"https://whip.example.com/w", "rtmp://x/y", "", "livekit.whip_url is something"},
	} {
		got, err := whipURL(tc.returned, tc.override)
		if got != tc.want || (err == nil) != (tc.err == "") {
			t.Errorf("whipURL(%q, %q) = %q, %v", tc.returned, tc.override, got, err)
		}
		if tc.err != "" {
			wantError(t, err, NoWHIPURL, true, tc.err, "livekit.whip_url")
		}
	}
}

func FuzzServerURL(f *testing.F) {
	for _, s := range []string{"wss://lk.example.com", "ws://[::1]:7880/x/", "localhost:7880", "https://u:p@h/?q#f", "wss:///", "http://a//%2f/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		base, err := apiURL(raw)
		whip, werr := ServerWHIPURL(raw)
		if (err == nil) != (werr == nil) {
			t.Fatalf("%q: %v but %v", raw, err, werr)
		}
		if err != nil {
			wantError(t, err, Invalid, true, "livekit url", " ")
			return
		}
		u, err := url.Parse(whip)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
			t.Fatalf("%q became %q", raw, whip)
		}
		if again, err := apiURL(base); err != nil || again != base {
			t.Fatalf("%q became %q, then %q, %v", raw, base, again, err)
		}
	})
}

func FuzzWHIPURL(f *testing.F) {
	f.Add("https://whip.example.com/w/", "")
	f.Add("", "http://127.0.0.1:8080/w")
	f.Add("whip://x", "//")
	f.Fuzz(func(t *testing.T, returned, override string) {
		got, err := whipURL(returned, override)
		if err != nil {
			return
		}
		u, perr := url.Parse(got)
		if perr != nil || u.Hostname() == "" || strings.HasSuffix(u.Path, "/") {
			t.Fatalf("whipURL(%q, %q) = %q", returned, override, got)
		}
		if again, err := whipURL(got, ""); err != nil || again != got {
			t.Fatalf("%q became %q, %v", got, again, err)
		}
	})
}

func FuzzMarker(f *testing.F) {
	f.Add("", "gate")
	f.Add("site-42", "yard/left %2f")
	f.Add("ä", "")
	f.Fuzz(func(t *testing.T, instance, camera string) {
		name := Marker(instance, camera)
		i, c, ok := ParseMarker(name)
		if !ok || i != instance || c != camera {
			t.Fatalf("%q, %q became %q, and that %q, %q, %v", instance, camera, name, i, c, ok)
		}
		if i, c, ok := ParseMarker(instance + "/" + camera); ok && Marker(i, c) != instance+"/"+camera {
			t.Fatalf("%q is taken for a marker", instance+"/"+camera)
		}
	})
}

func TestMarker(t *testing.T) {
	for name, want := range map[string][2]string{
		"rtsp2whip/gate": {"", "gate"}, "rtsp2whip/site-42/gate": {"site-42", "gate"}, "rtsp2whip/a%2Fb/c%20d": {"a/b", "c d"},
	} {
		if i, c, ok := ParseMarker(name); !ok || [2]string{i, c} != want || Marker(want[0], want[1]) != name {
			t.Errorf("%q: %q, %q, %v", name, i, c, ok)
		}
	}
	for _, name := range []string{"", "gate", "rtsp2whip", "other/gate", "rtsp2whip/a/b/c", "rtsp2whip/%zz", "rtsp2whip/%zz/a", "rtsp2whip/a b", "rtsp2whip//a"} {
		if _, _, ok := ParseMarker(name); ok {
			t.Errorf("%q is taken for a marker", name)
		}
	}
}
