package whip

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

func TestCloseDeletesOnceAndSaysBye(t *testing.T) {
	// The server leaves its end of the connection up, to hear the BYE.
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method == "DELETE" {
			return &whiptest.Reply{Status: 200, Delay: 100 * time.Millisecond} // so that the end does not overtake it
		}
		return nil
	}})
	s := publish(t, server, Config{Token: StaticToken("tok-1234")}, videoTrack)
	pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 10)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	deletes := server.Requests("DELETE")
	if len(deletes) != 1 {
		t.Fatalf("%d DELETE requests", len(deletes))
	}
	d := deletes[0]
	if d.Path != peer.Path() || d.Header.Get("Authorization") != "Bearer tok-1234" || d.Header.Get("If-Match") != "" || d.Body != "" {
		t.Errorf("DELETE of %s had %v and body %q", d.Path, d.Header, d.Body)
	}
	peer.WaitFor(t, "a BYE", func() bool { return peer.Track(Video).BYEs > 0 })
	if !errors.Is(s.Err(), ErrClosed) {
		t.Errorf("Err() = %v", s.Err())
	}
	if err := s.WriteRTP(0, &rtp.Header{Version: 2}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("WriteRTP after Close: %v", err)
	}
}

func TestSilentServerEndsTheSession(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{Timeouts: Timeouts{Disconnect: quick.Disconnect}}, videoTrack)
	if s.Err() != nil {
		t.Fatalf("Err() = %v in life", s.Err())
	}
	pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 10)
	peer.Blackhole(true, true)
	select {
	case <-s.Done():
	case <-time.After(testWait):
		t.Fatal("the session did not end")
	}
	var e *Error
	if !errors.As(s.Err(), &e) || !strings.Contains(e.Error(), "nothing heard") || e.Hint() == "" || e.Slow() {
		t.Errorf("Err() = %v", s.Err())
	}
	server.WaitRequests(t, "DELETE", 1) // without a Close
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(server.Requests("DELETE")); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

func TestServerClosesTheSession(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	peer := server.WaitSession(t)
	peer.WaitFor(t, "the server's side of the connection", func() bool {
		return peer.State() == webrtc.PeerConnectionStateConnected
	})
	peer.Close()
	select {
	case <-s.Done():
	case <-time.After(testWait):
		t.Fatal("the session did not end")
	}
	if s.Err() == nil || !strings.Contains(s.Err().Error(), "server closed") {
		t.Errorf("Err() = %v", s.Err())
	}
}

func TestHangingDeleteIsBounded(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method == "DELETE" {
			return &whiptest.Reply{Hang: true}
		}
		return nil
	}})
	s := publish(t, server, Config{Timeouts: Timeouts{Delete: 300 * time.Millisecond}}, videoTrack)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(server.Requests("DELETE")); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

// A caller in a hurry does not keep the session from being deleted.
func TestCloseWithAnEndedContext(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(server.Requests("DELETE")); n != 1 {
		t.Errorf("%d DELETE requests", n)
	}
}

func TestRecommendedICEServers(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Header: http.Header{"Link": {
		`<turn:turn.example.net?transport=udp>; rel="ice-server"; username="u"; credential="c"`, `<stun:stun.example.net>;rel=ice-server`,
	}}})
	s := publish(t, server, Config{}, videoTrack)
	want := []ICEServer{{"turn:turn.example.net?transport=udp", "u", "c"}, {URL: "stun:stun.example.net"}}
	if got := s.ICEServers(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestAudioPreference(t *testing.T) {
	for _, c := range []struct {
		name   string
		server []string
		want   string
	}{
		{"both", nil, PCMU},
		{"A-law only", []string{"PCMA"}, PCMA},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := whiptest.NewServer(t, whiptest.Config{Codecs: c.server})
			s := publish(t, server, Config{}, Track{Kind: Audio, Codecs: []Codec{{Name: PCMU}, {Name: PCMA}}})
			if got := s.Codec(0).Name; got != c.want {
				t.Errorf("codec %s, want %s", got, c.want)
			}
			pump(t, s, 0, 160)
			peer := server.WaitSession(t)
			peer.WaitPackets(t, Audio, 5)
			if got := peer.Track(Audio).Codec; !strings.EqualFold(got, "audio/"+c.want) {
				t.Errorf("server received %s", got)
			}
		})
	}
}

func TestPortRangeAndSecretsInLogs(t *testing.T) {
	var log syncBuffer
	server := whiptest.NewServer(t, whiptest.Config{Token: "tok-98765", Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method == "DELETE" {
			return &whiptest.Reply{Status: 500, Body: "cannot delete " + r.Path + " with tok-98765"}
		}
		return nil
	}})
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := publish(t, server, Config{Token: StaticToken("tok-98765"), Logger: logger, UDPPorts: [2]uint16{47000, 47400}}, videoTrack)
	if !strings.Contains(s.Stats().Pair, ":47") {
		t.Errorf("pair %q has no port of the range", s.Stats().Pair)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	text := log.String()
	if !strings.Contains(text, "not deleted") {
		t.Error("a refused DELETE is not in the log")
	}
	for _, secret := range []string{"tok-98765", whiptest.StreamKey} {
		if strings.Contains(text, secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestPublishAgainWithTheSameClient(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	client, err := New(Config{Endpoint: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s, err := client.Publish(t.Context(), []Track{videoTrack})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, peer := range server.Sessions() {
		if peer.Deletes() != 1 {
			t.Errorf("%s was deleted %d times", peer.Path(), peer.Deletes())
		}
		peer.WaitFor(t, "the end of the connection", func() bool { return peer.State() == webrtc.PeerConnectionStateClosed })
	}
}
