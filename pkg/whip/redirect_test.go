package whip

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// redirector replies to POSTs with a redirect.
func redirector(t *testing.T, tls bool, status int, location func(n int) string) *whiptest.Server {
	return whiptest.NewServer(t, whiptest.Config{TLS: tls, Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method != http.MethodPost {
			return nil
		}
		return &whiptest.Reply{Status: status, Header: http.Header{"Location": {location(r.N)}}}
	}})
}

func TestRedirectKeepsMethodBodyAndToken(t *testing.T) {
	for _, status := range []int{307, 308} {
		target := whiptest.NewServer(t, whiptest.Config{Token: "tok-31337"})
		first := redirector(t, false, status, func(int) string { return target.URL() })
		s := publish(t, first, Config{Token: StaticToken("tok-31337")}, videoTrack)
		a, b := first.Requests("POST"), target.Requests("POST")
		if len(a) != 1 || len(b) != 1 || a[0].Body != b[0].Body || b[0].Header.Get("Content-Type") != "application/sdp" {
			t.Fatalf("%d: requests %v and %v", status, a, b)
		}
		// The Location of the 201 is relative to where the POST ended up.
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(target.Requests("DELETE")) != 1 || len(first.Requests("DELETE")) != 0 {
			t.Errorf("%d: the DELETE went elsewhere", status)
		}
	}
}

func TestTokenStaysOnItsHost(t *testing.T) {
	target := whiptest.NewServer(t, whiptest.Config{Token: "tok-31337"})
	first := redirector(t, false, 307, func(int) string { return target.URLAs("localhost") })
	e := fails(t, Config{Endpoint: first.URL(), Token: StaticToken("tok-31337")})
	if e.Status != 401 || !strings.Contains(e.Hint(), "redirected") {
		t.Errorf("error %q, hint %q", e.Error(), e.Hint())
	}
	if got := target.Requests("POST")[0].Header.Get("Authorization"); got != "" {
		t.Errorf("another host got %q", got)
	}
	s := publish(t, first, Config{Token: StaticToken("tok-31337"), TokenHosts: []string{"localhost"}}, videoTrack)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := target.Requests("DELETE")[0].Header.Get("Authorization"); got != "Bearer tok-31337" {
		t.Errorf("DELETE at an allowed host with %q", got)
	}
}

func TestRedirectLoops(t *testing.T) {
	loop := redirector(t, false, 307, func(int) string { return "/whip" })
	if e := fails(t, Config{Endpoint: loop.URL()}); !strings.Contains(e.Error(), "loop") || !e.Slow() {
		t.Errorf("error %q", e.Error())
	}
	if n := len(loop.Requests("POST")); n != 1 {
		t.Errorf("%d requests before the loop was found", n)
	}
	chain := redirector(t, false, 308, func(n int) string { return "/whip?" + strings.Repeat("x", n+1) })
	if e := fails(t, Config{Endpoint: chain.URL()}); !strings.Contains(e.Error(), "too many redirects") {
		t.Errorf("error %q", e.Error())
	}
	if n := len(chain.Requests("POST")); n != maxRedirects+1 {
		t.Errorf("%d requests", n)
	}
}

func TestRedirectNeverLeavesTLS(t *testing.T) {
	target := whiptest.NewServer(t, whiptest.Config{})
	first := redirector(t, true, 307, func(int) string { return target.URL() })
	e := fails(t, Config{Endpoint: first.URL(), HTTPClient: first.HTTPClient()})
	if !strings.Contains(e.Error(), "from https to http") {
		t.Errorf("error %q", e.Error())
	}
	if n := len(target.Requests("")); n != 0 {
		t.Errorf("%d requests in the clear", n)
	}
}

func TestSessionURL(t *testing.T) {
	for _, c := range []struct{ posted, location, want string }{
		{"https://h/w", "/w/key/WH_1", "https://h/w/key/WH_1"},
		{"https://h/a/b", "webrtc?id=x", "https://h/a/webrtc?id=x"},
		{"https://h/a", "//other/p", "https://other/p"},
		{"https://h/a", "https://other:8443/p", "https://other:8443/p"},
		{"https://h/rtc/v1/whip/?app=live", "/rtc/v1/whip/?action=delete&token=t", "https://h/rtc/v1/whip/?action=delete&token=t"},
		{"https://h:444/w", "http://h:8080/w/1", "https://h:444/w/1"}, // a proxy ends TLS
		{"https://h/w", "http://other/w/1", ""},
		{"http://h/w", "http://other/w/1", "http://other/w/1"},
		{"https://h/w", "https://user:pw@h/w/1#f", "https://h/w/1"},
		{"https://h/w", "ftp://h/w", ""},
		{"https://h/w", "", ""},
		{"https://h/w", "http://[bad", ""},
	} {
		u, err := url.Parse(c.posted)
		if err != nil {
			t.Fatal(err)
		}
		res := &response{status: 201, url: u, header: http.Header{"Location": {c.location}}}
		got := ""
		if s := sessionURL(res); s != nil {
			got = s.String()
		}
		if got != c.want {
			t.Errorf("%s + %q = %q, want %q", c.posted, c.location, got, c.want)
		}
	}
}

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://host/w":                         "https://host/w",
		"https://host:8080/whip/v1":              "https://host:8080/whip/v1",
		"https://host/w/vSr5UpTRuE3k":            "https://host/w/***",
		"https://host/w/SstyTaMkMVmc":            "https://host/w/***",
		"https://host/entrance-camera/whip":      "https://host/entrance-camera/whip",
		"https://host/whip?token=abc":            "https://host/whip?***",
		"https://host/abcdefghijklmnopqrstuvwxy": "https://host/***",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := redactURL(u); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
