package whip

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/ports"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// fails publishes in vain and returns the error.
func fails(t *testing.T, cfg Config, tracks ...Track) *Error {
	t.Helper()
	client, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(tracks) == 0 {
		tracks = []Track{videoTrack}
	}
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	s, err := client.Publish(ctx, tracks)
	if err == nil {
		_ = s.Close(ctx)
		t.Fatal("published")
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is a %T", err, err)
	}
	fmt.Fprintln(&printed, e.Error(), e.Hint(), e.Detail)
	for _, secret := range []string{"tok-31337", whiptest.StreamKey} {
		if strings.Contains(e.Error()+e.Hint(), secret) {
			t.Errorf("%q contains %q", e.Error(), secret)
		}
	}
	if strings.ContainsAny(e.Error()+e.Hint(), "\r\n\x1b") {
		t.Errorf("%q contains control characters", e.Error())
	}
	return e
}

func TestStatusErrors(t *testing.T) {
	const html = "<!DOCTYPE html><html><body>Login</body></html>"
	for _, c := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   string // in the error
		hint   string // in the hint
		slow   bool
		retry  time.Duration
	}{
		{"bad request", 400, nil, "no room", "400 Bad Request: no room", "stream key", true, 0},
		{"unauthorized", 401, nil, `{"error":"invalid token tok-31337"}`, "401 Unauthorized: invalid token ***", "token", true, 0},
		{"forbidden", 403, nil, "session is disabled\n", "403 Forbidden: session is disabled", "enabled", true, 0},
		{"not found", 404, nil, "", "404 Not Found", "stream key", true, 0},
		{"not found, a page", 404, http.Header{"Content-Type": {"text/html"}}, html, "404 Not Found: an HTML page", "not a WHIP endpoint", true, 0},
		{"method", 405, nil, "", "405 Method Not Allowed", "not a WHIP endpoint", true, 0},
		{"not acceptable", 406, nil, "unsupported codec", "406 Not Acceptable: unsupported codec", "codec", true, 0},
		{"conflict", 409, nil, "", "409 Conflict", "another session", false, 0},
		{"media type", 415, nil, "", "415 Unsupported Media Type", "application/sdp", true, 0},
		{"client error 418", 418, nil, "", "418 I'm a teapot", "", true, 0},
		{"unknown client error", 499, nil, "", ": 499", "", true, 0},
		{"unprocessable", 422, nil, "", "422 Unprocessable Entity", "offer", true, 0},
		{"busy ingress", 429, nil, "server capacity exceeded", "429 Too Many Requests", "cpu_cost", false, 0},
		{"too many", 429, http.Header{"Retry-After": {"7"}}, "", "429 Too Many Requests", "capacity", false, 7 * time.Second},
		{"server error", 500, nil, "boom\x1b[31m\r\nsecond line", "500 Internal Server Error: boom[31m second line", "log", false, 0},
		{"bad gateway", 502, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, html, "502 Bad Gateway: an HTML page", "proxy", false, 0},
		{"unavailable", 503, http.Header{"Retry-After": {"99999999999"}}, "", "503 Service Unavailable", "starting", false, 10 * time.Minute},
		{"unknown server error", 599, http.Header{"Retry-After": {"soon"}}, "", ": 599", "log", false, 0},
		{"a page", 200, http.Header{"Content-Type": {"text/html"}}, html, "200 OK: an HTML page", "not a WHIP endpoint", true, 0},
		{"200 with SDP", 200, http.Header{"Content-Type": {"application/sdp"}}, "v=0\r\n", "WHIP wants 201", "not a WHIP endpoint", true, 0},
		{"226", 226, nil, "", "226 IM Used", "not a WHIP endpoint", true, 0},
		{"no type, no body", 201, http.Header{"Location": {"/x"}}, "", "201 Created", "", true, 0},
		{"wrong type", 201, http.Header{"Content-Type": {"text/plain"}, "Location": {"/x"}}, "v=0\r\n", "text/plain", "not a WHIP endpoint", true, 0},
		{"no location", 201, http.Header{"Content-Type": {"application/sdp"}}, "v=0\r\n", "no Location", "not a WHIP endpoint", true, 0},
		{"location of no use", 201, http.Header{"Content-Type": {"application/sdp"}, "Location": {"mailto:a@b"}}, "v=0\r\n", "Location", "", true, 0},
		{"not SDP", 201, http.Header{"Content-Type": {"application/sdp; charset=utf-8"}, "Location": {"/x"}}, "hello", "not SDP", "", true, 0},
		{"huge", 201, http.Header{"Content-Type": {"application/sdp"}, "Location": {"/x"}}, strings.Repeat("a", 1<<20+1), "larger than", "", false, 0},
		{"redirect", 302, http.Header{"Location": {"/login"}}, "", "302 Found", "endpoint's URL", true, 0},
		{"redirect for GET", 303, http.Header{"Location": {"/x"}}, "", "303 See Other", "endpoint's URL", true, 0},
		{"permanent redirect of old", 301, http.Header{"Location": {"/x"}}, "", "301 Moved Permanently", "endpoint's URL", true, 0},
		{"redirect to nowhere", 307, nil, "", "without Location", "", true, 0},
		{"redirect away", 307, http.Header{"Location": {"ftp://127.0.0.1/"}}, "", "away from HTTP", "", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
				if r.Method != http.MethodPost {
					return nil
				}
				return &whiptest.Reply{Status: c.status, Header: c.header, Body: c.body}
			}})
			e := fails(t, Config{Endpoint: server.URL(), Token: StaticToken("tok-31337")})
			if !strings.Contains(e.Error(), c.want) || !strings.Contains(e.Hint(), c.hint) {
				t.Errorf("error %q\nhint %q\nwant %q and %q", e.Error(), e.Hint(), c.want, c.hint)
			}
			if e.Slow() != c.slow || e.RetryAfter() != c.retry {
				t.Errorf("slow %v, retry after %v", e.Slow(), e.RetryAfter())
			}
			wantDeletes := 0
			if c.status >= 200 && c.status < 300 && strings.HasPrefix(c.header.Get("Location"), "/") {
				wantDeletes = 1
			}
			if n := len(server.Requests(http.MethodDelete)); n != wantDeletes {
				t.Errorf("%d DELETE requests, want %d", n, wantDeletes)
			}
			if n := len(server.Requests(http.MethodPost)); n != 1 {
				t.Errorf("%d POST requests", n)
			}
		})
	}
}

// A token that is missing is told from one that is wrong.
func TestNoToken(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "tok-31337"})
	for name, token := range map[string]func(context.Context) (string, error){"no function": nil, "empty": StaticToken("")} {
		if e := fails(t, Config{Endpoint: server.URL(), Token: token}); !strings.Contains(e.Hint(), "no bearer token was given") {
			t.Errorf("%s: hint %q", name, e.Hint())
		}
	}
	if e := fails(t, Config{Endpoint: server.URL(), Token: StaticToken("wrong")}); !strings.Contains(e.Hint(), "refused the token") {
		t.Errorf("hint %q", e.Hint())
	}
}

func TestRequestHeaders(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	publish(t, server, Config{Token: StaticToken("tok-31337"), UserAgent: "test/1"}, videoTrack)
	post := server.Requests(http.MethodPost)[0]
	for k, want := range map[string]string{
		"Content-Type": "application/sdp", "Authorization": "Bearer tok-31337", "User-Agent": "test/1",
	} {
		if got := post.Header.Get(k); got != want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
	if !strings.HasPrefix(post.Body, "v=0\r\n") {
		t.Errorf("offer begins with %.20q", post.Body)
	}
}

func TestUserInfoIsBasicAuthentication(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		return &whiptest.Reply{Status: 403, Body: "no, " + r.Header.Get("Authorization") + " pa55word"}
	}})
	e := fails(t, Config{Endpoint: strings.Replace(server.URL(), "://", "://user:pa55word@", 1)})
	if got := server.Requests(http.MethodPost)[0].Header.Get("Authorization"); got != "Basic dXNlcjpwYTU1d29yZA==" {
		t.Errorf("Authorization %q", got)
	}
	if strings.Contains(e.Error(), "pa55word") {
		t.Errorf("error %q", e.Error())
	}
}

func TestNetworkErrors(t *testing.T) {
	closedPort, release, err := ports.Shut("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	plain := whiptest.NewServer(t, whiptest.Config{})
	secure := whiptest.NewServer(t, whiptest.Config{TLS: true})
	hangs := whiptest.NewServer(t, whiptest.Config{Script: func(whiptest.Request) *whiptest.Reply { return &whiptest.Reply{Hang: true} }})
	resets := whiptest.NewServer(t, whiptest.Config{Script: func(whiptest.Request) *whiptest.Reply { return &whiptest.Reply{Reset: true} }})
	for _, c := range []struct {
		name, endpoint string
		hint           string
		slow           bool
	}{
		{"refused", "http://" + closedPort + "/whip", "nothing listens at " + closedPort, false},
		{"no such name", "http://host.invalid/whip", "host.invalid cannot be resolved", false},
		{"unknown authority", secure.URL(), "CA certificate", true},
		{"not TLS", strings.Replace(plain.URL(), "http:", "https:", 1), "does not speak TLS", true},
		{"hang", hangs.URL(), "did not reply in time", false},
		{"reset", resets.URL(), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit := testWait
			if c.name == "hang" {
				limit = 2 * time.Second
			}
			e := fails(t, Config{Endpoint: c.endpoint, Timeouts: Timeouts{HTTP: limit}})
			if !strings.Contains(e.Hint(), c.hint) || e.Slow() != c.slow || e.Status != 0 || e.Op != "POST" {
				t.Errorf("error %q, hint %q, slow %v", e.Error(), e.Hint(), e.Slow())
			}
		})
	}
}

func TestTLSWithATrustedCertificate(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{TLS: true})
	s := publish(t, server, Config{HTTPClient: server.HTTPClient()}, videoTrack)
	if s.client.Plaintext() {
		t.Error("https counts as plain text")
	}
}

func TestCertificateForAnotherName(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{TLS: true})
	e := fails(t, Config{Endpoint: server.URLAs("localhost"), HTTPClient: server.HTTPClient()})
	if !e.Slow() || !strings.Contains(e.Hint(), "not for localhost") {
		t.Errorf("error %q, hint %q", e.Error(), e.Hint())
	}
}

// A clock that is years off is told from an expired certificate by the server's
// own idea of the time.
func TestWrongClockIsTold(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{TLS: true})
	transport := server.HTTPClient().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Time = func() time.Time { return time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) }
	transport.DisableKeepAlives = true
	e := fails(t, Config{Endpoint: server.URL(), HTTPClient: &http.Client{Transport: transport}})
	if !e.Slow() || !strings.Contains(e.Hint(), "clock") {
		t.Errorf("error %q, hint %q", e.Error(), e.Hint())
	}
	skewed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(48*time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer skewed.Close()
	e = fails(t, Config{Endpoint: skewed.URL})
	// The Date header counts whole seconds, and the answer takes some.
	before, _, _ := strings.Cut(e.Hint(), " behind the server's")
	_, told, _ := strings.Cut(before, "clock is ")
	if off, err := time.ParseDuration(told); err != nil || (off-48*time.Hour).Abs() > time.Minute {
		t.Errorf("hint %q", e.Hint())
	}
}

func TestTokenIsAskedForEachRequest(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	var n atomic.Int64
	s := publish(t, server, Config{Token: func(context.Context) (string, error) {
		return []string{"token-one", "token-two"}[n.Add(1)-1], nil
	}}, videoTrack)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := server.Requests("DELETE")[0].Header.Get("Authorization"); got != "Bearer token-two" {
		t.Errorf("DELETE with %q", got)
	}
	e := fails(t, Config{Endpoint: server.URL(), Token: StaticToken("with\nnewline")})
	if e.Op != "token" || !e.Slow() {
		t.Errorf("error %q", e.Error())
	}
	broken := errors.New("no file")
	e = fails(t, Config{Endpoint: server.URL(), Token: func(context.Context) (string, error) { return "", broken }})
	if !errors.Is(e, broken) {
		t.Errorf("error %q", e.Error())
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{"000000000030", "", 30 * time.Second},
		{"1000000000", "", 10 * time.Minute},
		{"-5", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"Sun, 01 Mar 2026 12:00:30 GMT", "", 30 * time.Second},
		{"Sun, 01 Mar 2026 11:00:00 GMT", "", 0},
		{"Sun, 01 Mar 2027 12:00:00 GMT", "", 10 * time.Minute},
		{"Sun, 01 Mar 2026 14:00:30 GMT", "Sun, 01 Mar 2026 14:00:00 GMT", 30 * time.Second},
	} {
		h := http.Header{}
		h.Set("Retry-After", c.value)
		h.Set("Date", c.date)
		if got := retryAfter(h, now); got != c.want {
			t.Errorf("%q: %v, want %v", c.value, got, c.want)
		}
	}
}
