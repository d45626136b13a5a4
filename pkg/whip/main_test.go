package whip

import (
	"bytes"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testWait = 20 * time.Second

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
