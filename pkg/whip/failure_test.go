package whip

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

func replace(old, with string) func(string) string {
	return func(sdp string) string { return strings.ReplaceAll(sdp, old, with) }
}

func remove(pattern string) func(string) string {
	re := regexp.MustCompile(`(?m)^` + pattern + `\r\n`)
	return func(sdp string) string { return re.ReplaceAllString(sdp, "") }
}

// Whatever goes wrong after the 201, the session is deleted, once.
func TestFailureAfter201DeletesOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		mutate func(string) string
		op     string
		want   string // in the error
		hint   string
		slow   bool
	}{
		{"rejected video", replace("m=video 9", "m=video 0"), "answer", "rejected the video track (H264 64001f, H264 42e01f)", "video codecs", true},
		{"rejected audio", replace("m=audio 9", "m=audio 0"), "answer", "rejected the audio track (opus)", "audio codecs", true},
		{"no H264", func(s string) string { return regexp.MustCompile(`H264/90000`).ReplaceAllString(s, "VP8/90000") }, "answer", "none of the codecs offered for the video track", "video codecs", true},
		{"inactive", replace("a=recvonly", "a=inactive"), "answer", "does not want to receive", "", true},
		{"sendonly", replace("a=recvonly", "a=sendonly"), "answer", "does not want to receive", "", true},
		{"no rtcp-mux", remove("a=rtcp-mux"), "answer", "no rtcp-mux", "", true},
		{"other kind", replace("m=video", "m=application"), "answer", `"application" where the offer has the video track`, "", true},
		{"too few sections", func(s string) string { return s[:strings.Index(s, "m=audio")] }, "answer", "1 media sections for 2 tracks", "", true},
		{"no sections", func(s string) string { return s[:strings.Index(s, "m=video")] }, "answer", "0 media sections", "", true},
		{"cut", func(s string) string { return s[:25] }, "answer", "", "", true},
		{"no fingerprint", remove("a=fingerprint:.*"), "answer", "cannot be used", "", true},
		{"wrong fingerprint", spoilFingerprint, "DTLS", "handshake", "encryption", false},
		{"no candidates", remove("a=candidate:.*"), "ICE", "the server's: none", "named no address", false},
		{"wrong port", func(s string) string {
			return regexp.MustCompile(`127\.0\.0\.1 \d+ typ`).ReplaceAllString(s, "127.0.0.1 9 typ")
		}, "ICE", "the server's: 127.0.0.1:9 (host)", "UDP", false},
		{"blocked", nil, "ICE", "no connection within 1s", "UDP", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := whiptest.NewServer(t, whiptest.Config{MutateAnswer: c.mutate, NoMedia: c.op == "ICE"})
			timeouts := Timeouts{Connect: testWait}
			if c.op == "ICE" { // which nothing but this ends
				timeouts.Connect = time.Second
			}
			e := fails(t, Config{Endpoint: server.URL(), Timeouts: timeouts}, videoTrack, opusTrack)
			if e.Op != c.op || !strings.Contains(e.Error(), c.want) || !strings.Contains(e.Hint(), c.hint) || e.Slow() != c.slow {
				t.Errorf("op %s, slow %v\nerror %q\nhint %q", e.Op, e.Slow(), e.Error(), e.Hint())
			}
			if e.URL != server.URL() {
				t.Errorf("URL %q", e.URL)
			}
			if n := server.WaitSession(t).Deletes(); n != 1 || len(server.Requests("DELETE")) != 1 {
				t.Errorf("%d DELETE requests", n)
			}
		})
	}
}

func spoilFingerprint(sdp string) string {
	re := regexp.MustCompile(`a=fingerprint:sha-256 (..)`)
	return re.ReplaceAllString(sdp, "a=fingerprint:sha-256 00")
}

func TestTruncatedAnswerIsDeleted(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method != http.MethodPost {
			return nil
		}
		return &whiptest.Reply{Status: 201, Truncate: true, Body: "v=0\r\n", Header: http.Header{
			"Content-Type": {"application/sdp"}, "Location": {"/whip/" + whiptest.StreamKey + "/1"},
		}}
	}})
	e := fails(t, Config{Endpoint: server.URL()})
	if !strings.Contains(e.Error(), "reading the answer") {
		t.Errorf("error %q", e.Error())
	}
	if n := len(server.Requests("DELETE")); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

// A caller that gives up while the POST is under way leaves no session behind.
func TestCancelDuringPost(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method == http.MethodPost {
			return &whiptest.Reply{Delay: 300 * time.Millisecond}
		}
		return nil
	}})
	client, err := New(Config{Endpoint: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := client.Publish(ctx, []Track{videoTrack})
		result <- err
	}()
	server.WaitRequests(t, "POST", 1)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := server.WaitSession(t).Deletes(); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

// A server that names no candidates finds the client by the client's.
func TestAnswerWithoutCandidatesConnects(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{MutateAnswer: remove("a=candidate:.*")})
	s := publish(t, server, Config{}, videoTrack)
	if !strings.Contains(s.Stats().Pair, "(prflx)") {
		t.Errorf("pair %q", s.Stats().Pair)
	}
}

func TestCancelDuringConnect(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{NoMedia: true})
	client, err := New(Config{Endpoint: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := client.Publish(ctx, []Track{videoTrack})
		result <- err
	}()
	server.WaitSession(t)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := server.WaitSession(t).Deletes(); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

func TestDeleteReplies(t *testing.T) {
	for _, status := range []int{200, 204, 404, 405, 410, 500} {
		server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
			if r.Method == http.MethodDelete {
				return &whiptest.Reply{Status: status}
			}
			return nil
		}})
		var log syncBuffer
		s := publish(t, server, Config{Logger: textLogger(&log)}, videoTrack)
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
		if warned := strings.Contains(log.String(), "not deleted"); warned != (status == 500) {
			t.Errorf("%d: warned %v", status, warned)
		}
		if n := len(server.Requests("DELETE")); n != 1 {
			t.Errorf("%d: %d DELETE requests", status, n)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no endpoint":          {},
		"no scheme":            {Endpoint: "host/whip"},
		"other scheme":         {Endpoint: "rtmp://host/whip"},
		"no host":              {Endpoint: "https:///whip"},
		"half a range":         {Endpoint: "https://h/w", UDPPorts: [2]uint16{1000, 0}},
		"range backwards":      {Endpoint: "https://h/w", UDPPorts: [2]uint16{2000, 1000}},
		"relay without relays": {Endpoint: "https://h/w", RelayOnly: true, NoRestart: true},
		"key in a bad URL":     {Endpoint: "https://h/\x00tok-31337"},
	} {
		_, err := New(cfg)
		var e *Error
		if !errors.As(err, &e) || e.Op != "config" || !e.Slow() || e.Hint() == "" || strings.Contains(e.Error(), "tok-31337") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := New(Config{Endpoint: "http://localhost/w"})
	if err != nil || !c.Plaintext() || !c.cfg.Loopback {
		t.Errorf("%v, %+v", err, c)
	}
}

func TestTrackErrors(t *testing.T) {
	for name, tracks := range map[string][]Track{
		"none":        {},
		"kind":        {{Kind: "data", Codecs: []Codec{{Name: H264}}}},
		"two videos":  {videoTrack, videoTrack},
		"no codecs":   {{Kind: Video}},
		"other codec": {{Kind: Video, Codecs: []Codec{{Name: "VP8"}}}},
		"wrong kind":  {{Kind: Audio, Codecs: []Codec{{Name: H264}}}},
		"clock rate":  {{Kind: Audio, Codecs: []Codec{{Name: Opus, ClockRate: 8000}}}},
		"channels":    {{Kind: Audio, Codecs: []Codec{{Name: PCMA, Channels: 2}}}},
		"profile":     {{Kind: Video, Codecs: []Codec{{Name: H264, ProfileLevelID: "64"}}}},
	} {
		c, err := New(Config{Endpoint: "https://127.0.0.1:1/w"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Publish(t.Context(), tracks)
		var e *Error
		if !errors.As(err, &e) || e.Op != "offer" || !e.Slow() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestICEHint(t *testing.T) {
	for _, c := range []struct {
		host        string
		theirs      []string
		recommended []ICEServer
		want        string
	}{
		{"media.example.com", nil, nil, "named no address"},
		{"media.example.com", []string{"172.17.0.2:7885 (host)"}, nil, "public address"},
		{"198.51.100.7", []string{"[fe80::1]:7885 (host)", "10.0.0.1:7885 (host)"}, nil, "public address"},
		{"10.0.0.1", []string{"10.0.0.1:7885 (host)"}, nil, "firewalls"},
		{"media.example.com", []string{"198.51.100.7:7885 (host)"}, nil, "firewalls"},
		{"media.example.com", []string{"198.51.100.7:7885 (host)"}, []ICEServer{{URL: "turn:t"}}, "TURN server"},
		{"nuc", []string{"192.168.1.2:7885 (host)"}, nil, "firewalls"},
	} {
		if got := iceHint(c.host, c.theirs, c.recommended, false); !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
