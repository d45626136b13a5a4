package parts

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Tap stands between rtsp2whip and a server's HTTP, and notes what they say.
type Tap struct {
	URL string // without a path

	mu   sync.Mutex
	seen []Exchange
}

// Exchange is one request and the status of its response.
type Exchange struct {
	At          time.Time // of the response
	Method      string
	Path        string
	IfMatch     string
	ContentType string // of the request
	Status      int
	ICEServers  int // links with rel="ice-server" in the response
	TCP         int // TCP candidates in it that take connections
}

// StartTap listens on an address for the length of the test; target is the server's
// URL without a path.
func StartTap(t testing.TB, host, target string) *Tap {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme == "ws" {
		u.Scheme = "http"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(hostOr(host), "0"))
	if err != nil {
		t.Fatal(err)
	}
	tap := &Tap{}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ModifyResponse: func(res *http.Response) error { tap.note(res); return nil },
	})
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	tap.URL = server.URL
	return tap
}

func (t *Tap) note(res *http.Response) {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	tcp := 0
	for _, line := range candidateLines(string(body)) {
		if f := strings.Fields(line); len(f) > 2 && strings.EqualFold(f[2], "tcp") && !strings.Contains(line, "tcptype active") {
			tcp++
		}
	}
	links := 0
	for _, l := range res.Header.Values("Link") {
		links += strings.Count(l, "ice-server")
	}
	q := res.Request
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = append(t.seen, Exchange{
		At: time.Now(), Method: q.Method, Path: q.URL.Path, IfMatch: q.Header.Get("If-Match"),
		ContentType: q.Header.Get("Content-Type"), Status: res.StatusCode, ICEServers: links, TCP: tcp,
	})
}

// Exchanges are those of one method, the oldest first.
func (t *Tap) Exchanges(method string) []Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Exchange
	for _, e := range t.seen {
		if e.Method == method {
			out = append(out, e)
		}
	}
	return out
}

// Sessions are the POSTs of an offer that were answered with 201.
func (t *Tap) Sessions() []Exchange {
	var out []Exchange
	for _, e := range t.Exchanges(http.MethodPost) {
		if e.ContentType == "application/sdp" && e.Status == http.StatusCreated {
			out = append(out, e)
		}
	}
	return out
}
