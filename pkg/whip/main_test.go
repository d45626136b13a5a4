package whip

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// printed is all that clients of this package's tests have logged, the WebRTC library's
// messages at debug level included, and their errors, hints and figures.
var printed syncBuffer

// TestMain ends the tests with a look for each secret of theirs in what was printed.
func TestMain(m *testing.M) {
	unlogged = slog.NewTextHandler(&printed, &slog.HandlerOptions{Level: slog.LevelDebug})
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if code == 0 {
			for _, line := range leaks(printed.String(), whiptest.Secrets()) {
				fmt.Fprintln(os.Stderr, line)
				code = 1
			}
		}
		os.Exit(code)
	}))
}

// leaks names the lines that hold a secret, with the secret, the first few of each.
func leaks(text string, secrets []string) []string {
	var out []string
	for _, secret := range secrets {
		for rest, found := text, 0; found < 3; found++ {
			i := strings.Index(rest, secret)
			if i < 0 {
				break
			}
			from, to := strings.LastIndexByte(rest[:i], '\n')+1, i+len(secret)
			if end := strings.IndexByte(rest[to:], '\n'); end >= 0 {
				to += end
			}
			out = append(out, fmt.Sprintf("printed the secret %q: %s", secret, rest[from:to]))
			rest = rest[to:]
		}
	}
	return out
}

func TestLeaks(t *testing.T) {
	text := "one\ntwo hunter2 three\nfour\nhunter2"
	if got := leaks(text, []string{"hunter2", "absent"}); len(got) != 2 || !strings.HasSuffix(got[0], ": two hunter2 three") {
		t.Errorf("%q", got)
	}
	// There is something to look at, and something to look for.
	server := whiptest.NewServer(t, whiptest.Config{Token: "tok-leaks-1"})
	publish(t, server, Config{Token: StaticToken("tok-leaks-1")}, videoTrack)
	if !strings.Contains(printed.String(), "webrtc: ") || !slices.Contains(whiptest.Secrets(), "tok-leaks-1") {
		t.Error("nothing is looked at")
	}
}

const testWait = time.Minute

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(testWait)
	defer timeout.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatalf("waited %v in vain for %s", testWait, what)
		}
	}
}

var (
	videoTrack = Track{Kind: Video, Codecs: []Codec{{Name: H264, ProfileLevelID: "64001f"}}}
	opusTrack  = Track{Kind: Audio, Codecs: []Codec{{Name: Opus}}}
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
		fmt.Fprintf(&printed, "%+v\n", s.Stats())
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
