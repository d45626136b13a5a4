package whip

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// publish makes a client for the server and a session of it.
func publish(t *testing.T, server *whiptest.Server, cfg Config, tracks ...Track) *Session {
	t.Helper()
	cfg.Endpoint = server.URL()
	client, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	s, err := client.Publish(ctx, tracks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testWait)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// pump writes packets on a track, one a millisecond, until the test ends or the
// session does.
func pump(t *testing.T, s *Session, track int, size int) *pumped {
	p := &pumped{stop: make(chan struct{})}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		payload := bytes.Repeat([]byte{0x61}, size)
		h := rtp.Header{Version: 2, SequenceNumber: 65000, Timestamp: math.MaxUint32 - 9000}
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
			}
			h.SequenceNumber++
			h.Marker = h.SequenceNumber%4 == 0
			if s.WriteRTP(track, &h, payload) != nil {
				return
			}
			p.sent.Add(1)
			if h.Marker {
				h.Timestamp += 3600
			}
		}
	}()
	t.Cleanup(p.end)
	return p
}

type pumped struct {
	stop chan struct{}
	once sync.Once
	wg   sync.WaitGroup
	sent atomic.Uint64
}

func (p *pumped) end() {
	p.once.Do(func() { close(p.stop) })
	p.wg.Wait()
}

func TestMediaEndToEnd(t *testing.T) {
	var mu sync.Mutex
	var video []*rtp.Packet
	server := whiptest.NewServer(t, whiptest.Config{Token: "secret-token", OnRTP: func(kind string, p *rtp.Packet) {
		if kind == Video {
			mu.Lock()
			defer mu.Unlock()
			video = append(video, p)
		}
	}})
	s := publish(t, server, Config{Token: StaticToken("secret-token")}, videoTrack, opusTrack)
	if got := s.Codec(0); got.Name != H264 || got.ProfileLevelID != "64001f" || got.ClockRate != 90000 {
		t.Errorf("video codec %+v", got)
	}
	if got := s.Codec(1); got.Name != Opus || got.Channels != 2 {
		t.Errorf("audio codec %+v", got)
	}
	pump(t, s, 0, 1100)
	pump(t, s, 1, 160)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 300)
	peer.WaitPackets(t, Audio, 300)

	mu.Lock()
	for _, p := range video {
		if p.PayloadType != 96 || len(p.Payload) != 1100 || p.Extension || p.SSRC != s.Stats().Tracks[0].SSRC {
			t.Fatalf("packet arrived as %v", p)
		}
	}
	mu.Unlock()

	// Reports both ways.
	peer.WaitFor(t, "sender reports", func() bool {
		return peer.Track(Video).SenderReports > 0 && peer.Track(Audio).SenderReports > 0
	})
	if cname := peer.Track(Video).CNAME; cname == "" || cname != peer.Track(Audio).CNAME {
		t.Errorf("CNAMEs %q and %q", cname, peer.Track(Audio).CNAME)
	}
	eventually(t, "receiver reports with a round-trip time", func() bool {
		st := s.Stats()
		return st.RTT > 0 && !st.Tracks[0].LastReceiverReport.IsZero() && !st.Tracks[1].LastReceiverReport.IsZero()
	})
	st := s.Stats()
	if st.RTT > 5*time.Second || st.Tracks[0].FractionLost > 1 || st.Tracks[0].PacketsSent == 0 ||
		st.Tracks[0].BytesSent < 1112*st.Tracks[0].PacketsSent || !strings.Contains(st.Pair, " -> 127.0.0.1:") {
		t.Errorf("stats %+v", st)
	}
}

func TestSenderReportPairsTimes(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	p := pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitFor(t, "two sender reports", func() bool { return peer.Track(Video).SenderReports >= 2 })
	p.end()
	sr := peer.Track(Video).LastReport
	at := time.Unix(int64(sr.NTPTime>>32)-2208988800, 0)
	if d := time.Since(at); d < -2*time.Second || d > time.Minute {
		t.Errorf("NTP time is %v off", d)
	}
	if sr.PacketCount == 0 || sr.OctetCount != 100*sr.PacketCount {
		t.Errorf("counts %d, %d", sr.PacketCount, sr.OctetCount)
	}
}

func TestKeyFrameRequests(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	asked := make(chan int, 100)
	s := publish(t, server, Config{OnKeyFrameRequest: func(track int) { asked <- track }}, opusTrack, videoTrack)
	pump(t, s, 1, 500)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 1)
	wait := func() {
		t.Helper()
		select {
		case track := <-asked:
			if track != 1 {
				t.Fatalf("key frame asked for on track %d", track)
			}
		case <-time.After(testWait):
			t.Fatal("no key frame request arrived")
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(peer.PLI(Video))
	wait()
	check(peer.FIR(Video, 7))
	wait()
	check(peer.FIR(Video, 7)) // a repetition
	check(peer.FIR(Video, 8))
	wait()
	check(peer.PLI(Video))
	wait()
	if st := s.Stats().Tracks[1]; st.PLI != 2 || st.FIR != 2 {
		t.Errorf("PLI %d, FIR %d", st.PLI, st.FIR)
	}
}

func TestLostPacketsAreSentAgain(t *testing.T) {
	var mu sync.Mutex
	seen := map[uint16]int{}
	lost := map[uint16]bool{}
	server := whiptest.NewServer(t, whiptest.Config{
		Lose: func(_ string, h *rtp.Header) bool {
			mu.Lock()
			defer mu.Unlock()
			if h.SequenceNumber%10 == 3 && !lost[h.SequenceNumber] {
				lost[h.SequenceNumber] = true // once
				return true
			}
			return false
		},
		OnRTP: func(_ string, p *rtp.Packet) {
			mu.Lock()
			defer mu.Unlock()
			seen[p.SequenceNumber]++
		},
	})
	s := publish(t, server, Config{}, videoTrack)
	p := pump(t, s, 0, 900)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 600) // past the wrap of the sequence numbers
	peer.WaitFor(t, "the lost packets", func() bool {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for seq := range lost {
			if seen[seq] > 0 {
				n++
			}
		}
		return n >= 50
	})
	p.end()
	if st := s.Stats().Tracks[0]; st.Retransmitted < 50 || st.Nacked < st.Retransmitted {
		t.Errorf("nacked %d, retransmitted %d", st.Nacked, st.Retransmitted)
	}
}

func TestNackForWhatIsNotThere(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	if err := s.WriteRTP(0, &rtp.Header{Version: 2, SequenceNumber: 10}, []byte{1}); err != nil {
		t.Fatal(err)
	}
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 1)
	if err := peer.NACK(Video, 10, 11, 12); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the NACK", func() bool { return s.Stats().Tracks[0].Nacked == 3 })
	eventually(t, "one retransmission", func() bool { return s.Stats().Tracks[0].Retransmitted == 1 })
}

func TestCloseDeletesOnceAndSaysBye(t *testing.T) {
	// The server leaves its end of the connection up, to hear the BYE.
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if r.Method == "DELETE" {
			return &whiptest.Reply{Status: 200}
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
	s := publish(t, server, Config{Timeouts: Timeouts{Disconnect: time.Second}}, videoTrack)
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
