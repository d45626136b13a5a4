package whip

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// hostileMost is what a hostile server sends if nobody stops it.
const hostileMost = 32 << 20

// hostileServer answers every POST with f; other requests get 200.
func hostileServer(t *testing.T, f func(w http.ResponseWriter, stop <-chan struct{})) string {
	t.Helper()
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			f(w, stop)
		}
	}))
	t.Cleanup(func() {
		close(stop)
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

func created(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/session")
	w.WriteHeader(http.StatusCreated)
	w.(http.Flusher).Flush()
}

// A server that answers a byte at a time does not get more time than any other.
func TestSlowAnswer(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"an answer": created,
		"an error":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			url := hostileServer(t, func(w http.ResponseWriter, stop <-chan struct{}) {
				defer close(gone)
				begin(w)
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				for {
					if _, err := w.Write([]byte("v")); err != nil {
						return
					}
					w.(http.Flusher).Flush()
					select {
					case <-tick.C:
					case <-stop:
						return
					}
				}
			})
			fails(t, Config{Endpoint: url, Timeouts: Timeouts{HTTP: 300 * time.Millisecond}})
			select {
			case <-gone: // the client has hung up
			case <-time.After(testWait):
				t.Error("the connection stays open")
			}
		})
	}
}

// What a server sends is read to a bound, and no memory is spent on the rest.
func TestEndlessAnswer(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	bomb := bytes.Repeat(packed.Bytes(), 64) // members of one file
	pour := func(w io.Writer, line string) {
		block := []byte(strings.Repeat(line, 64<<10/len(line)))
		for n := 0; n < hostileMost; n += len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		want   string
	}{
		{"body", func(w http.ResponseWriter) { created(w); pour(w, "a=x\r\n") }, "larger than"},
		{"error", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway); pour(w, "no ") }, "502"},
		{"header", func(w http.ResponseWriter) { pourHeader(w, pour) }, "exceeded 65536 bytes"},
		{"packed body", func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			created(w)
			_, _ = w.Write(bomb)
		}, "not SDP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := hostileServer(t, func(w http.ResponseWriter, _ <-chan struct{}) { c.answer(w) })
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			e := fails(t, Config{Endpoint: url})
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > hostileMost/2 {
				t.Errorf("%d MB were allocated", n>>20)
			}
			if !strings.Contains(e.Error(), c.want) || len(e.Error()) > 2000 {
				t.Errorf("%.300v", e)
			}
		})
	}
}

// pourHeader sends a header without end.
func pourHeader(w http.ResponseWriter, pour func(io.Writer, string)) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\n")
	pour(c, "X-Header: "+strings.Repeat("x", 500)+"\r\n")
}

// An answer with ten thousand candidates, or ICE servers, makes us try few of them.
func TestManyCandidates(t *testing.T) {
	var lines strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&lines, "a=candidate:%d 1 udp 1 192.0.2.%d %d typ host\r\n", i, i%250+1, 1024+i)
	}
	text := preamble + "a=ice-ufrag:ufrag\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 00\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n" + lines.String()
	r, err := parseRemote(text)
	if err != nil || len(r.candidates) != maxCandidates {
		t.Errorf("an answer: %d candidates, %v", len(r.candidates), err)
	}
	f, err := parseFragment(text)
	if err != nil || len(f.candidates) != maxCandidates {
		t.Errorf("a fragment: %d candidates, %v", len(f.candidates), err)
	}
	link := strings.Repeat(`<stun:192.0.2.1:3478>; rel="ice-server", `, 10_000)
	if n := len(ParseICEServers([]string{link, link})); n != maxICEServers {
		t.Errorf("%d ICE servers", n)
	}
}

// Whoever finds a session's port can send to it as much as he likes: media goes on,
// and no memory is spent.
func TestFloodedSocket(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	// What the package's tests log is kept, and would count as memory of the session's.
	s := publish(t, server, Config{Logger: slog.New(slog.DiscardHandler)}, videoTrack)
	pump(t, s, 0, 500)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 5)
	to := net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.sockets[0].LocalAddr().(*net.UDPAddr).Port}

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	flood := floods(t, s)
	var sent atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for round := 0; ctx.Err() == nil; round++ {
			// Each round is a stranger of its own, with an address of its own.
			c, err := net.DialUDP("udp4", nil, &to)
			if err != nil {
				return
			}
			for range 50 {
				for _, b := range flood {
					if _, err := c.Write(b); err == nil {
						sent.Add(1)
					}
				}
			}
			_ = c.Close()
		}
	}()
	eventually(t, "a flood", func() bool { return sent.Load() > 20_000 })
	got := peer.Track(Video).Packets
	peer.WaitPackets(t, Video, got+50)
	cancel()
	<-done
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Errorf("the heap has grown by %d kB for %d datagrams", grown>>10, sent.Load())
	}
	select {
	case <-s.Done():
		t.Errorf("the session has ended: %v", s.Err())
	default:
	}
	if pair := s.peer.pair(); !strings.Contains(pair.text, "127.0.0.1") {
		t.Errorf("the path is %q", pair.text)
	}
}

// floods are datagrams that a stranger might try: checks that name our user name
// fragment and lack the password, such that name another, DTLS, RTCP's BYE, noise.
func floods(t *testing.T, s *Session) [][]byte {
	t.Helper()
	ufrag, _, err := s.peer.agent.GetLocalUserCredentials()
	if err != nil {
		t.Fatal(err)
	}
	check := func(user string) []byte {
		m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(user), stun.NewShortTermIntegrity("guessed"), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	return [][]byte{
		check(ufrag + ":them"), check("nobody:them"), check(strings.Repeat("u", 500)),
		{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
		{0x81, 203, 0, 1, 0, 0, 0, 1},
		bytes.Repeat([]byte{0xff}, 1200), {},
	}
}
