package whiptest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/graceful"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request sends a request on a connection of its own.
func request(t *testing.T, method, url, token, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/sdp")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err.Error()
	}
	defer res.Body.Close() //nolint:errcheck // read only
	content, _ := io.ReadAll(res.Body)
	return res, string(content)
}

// offer returns the offer of a peer that lives until the test ends.
func offer(t *testing.T) string {
	t.Helper()
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = graceful.Close(pc) })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	sdp, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return sdp.SDP
}

func TestExchange(t *testing.T) {
	s := NewServer(t, Config{Token: "tok", Header: http.Header{"Link": {"<stun:x>;rel=ice-server"}}})
	if res, _ := request(t, "POST", s.URL(), "other", offer(t)); res.StatusCode != 401 {
		t.Errorf("wrong token: %d", res.StatusCode)
	}
	if res, _ := request(t, "GET", s.URL(), "tok", ""); res.StatusCode != 405 {
		t.Errorf("GET: %d", res.StatusCode)
	}
	res, answer := request(t, "POST", s.URL(), "tok", offer(t))
	session := s.WaitSession(t)
	if res.StatusCode != 201 || answer != session.Answer() || res.Header.Get("Link") == "" ||
		!strings.Contains(res.Header.Get("Location"), StreamKey) || !strings.Contains(answer, "a=recvonly") {
		t.Fatalf("%d, %v, %s", res.StatusCode, res.Header, answer)
	}
	url := strings.TrimSuffix(s.URL(), "/whip") + session.Path()
	if res, _ := request(t, "DELETE", url, "tok", ""); res.StatusCode != 200 {
		t.Errorf("DELETE: %d", res.StatusCode)
	}
	if res, _ := request(t, "DELETE", url, "tok", ""); res.StatusCode != 404 || session.Deletes() != 2 {
		t.Errorf("second DELETE: %d", res.StatusCode)
	}
	if got := s.Requests("DELETE"); len(got) != 2 || got[1].N != 1 || got[0].Path != session.Path() {
		t.Errorf("%+v", got)
	}
}

func TestScript(t *testing.T) {
	replies := []*Reply{
		{Status: 503, Header: http.Header{"retry-after": {"3"}}, Body: "later"},
		{Reset: true},
		{Status: 200, Truncate: true, Body: "half"},
		nil,
	}
	s := NewServer(t, Config{
		Script:       func(r Request) *Reply { return replies[r.N] },
		MutateAnswer: func(string) string { return "changed" },
	})
	res, body := request(t, "POST", s.URL(), "", "x")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") != "3" || body != "later" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	if res, _ := request(t, "POST", s.URL(), "", "x"); res != nil {
		t.Errorf("a reply after a reset: %v", res)
	}
	if res, body := request(t, "POST", s.URL(), "", "x"); res.ContentLength != 104 || body != "half" {
		t.Errorf("%d %q", res.ContentLength, body)
	}
	if res, body := request(t, "POST", s.URL(), "", offer(t)); res.StatusCode != 201 || body != "changed" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}

func TestSecrets(t *testing.T) {
	s := NewServer(t, Config{})
	sdp := offer(t)
	if res, _ := request(t, "POST", s.URL(), "a-token-of-mine", sdp); res.StatusCode != 201 {
		t.Fatal(res.Status)
	}
	keepAuthorization("Basic dXNlcjphLXBhc3N3b3Jk") // user:a-password
	keepSecret("short")
	all := Secrets()
	for _, want := range []string{"a-token-of-mine", "a-password", "dXNlcjphLXBhc3N3b3Jk", StreamKey, TURNCredential,
		password(t, sdp), password(t, s.WaitSession(t).Answer())} {
		if !slices.Contains(all, want) {
			t.Errorf("%q is not known for a secret", want)
		}
	}
	if slices.Contains(all, "short") || slices.Contains(all, "") {
		t.Errorf("%q", all)
	}
}

func password(t *testing.T, sdp string) string {
	t.Helper()
	_, rest, _ := strings.Cut(sdp, "a=ice-pwd:")
	pwd, _, ok := strings.Cut(rest, "\r\n")
	if !ok {
		t.Fatalf("no password in %q", sdp)
	}
	return pwd
}

// A hanging request must not keep the server from ending with the test.
func TestHangEndsWithTheServer(t *testing.T) {
	s, stop := Start(Config{Script: func(Request) *Reply { return &Reply{Hang: true} }})
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, err := http.NewRequest("POST", s.URL(), strings.NewReader("x"))
		if err != nil {
			return
		}
		req.Close = true
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	s.WaitRequests(t, "POST", 1)
	stop()
	select {
	case <-done:
	case <-time.After(Wait):
		t.Fatal("the request still hangs")
	}
}
