package whip

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// A connection to a TURN server that takes no more bytes, as when its address is gone,
// holds up neither the session's recovery nor its end.
func TestStuckTURNConnection(t *testing.T) {
	turn := whiptest.NewTURN(t, 0)
	mire := newMire(t, turn.Addr())
	relay := ICEServer{URL: fmt.Sprintf("turn:%s?transport=tcp", mire.address()), Username: whiptest.TURNUser, Credential: whiptest.TURNCredential}
	server := whiptest.NewServer(t, whiptest.Config{Reachable: turn.IsRelay, Patch: whiptest.Patch{Restart: true}})
	s := publish(t, server, Config{RelayOnly: true, NoTrickle: true, Timeouts: quick, ICEServers: []ICEServer{relay}}, videoTrack)
	pump(t, s, 0, 1100) // fills what the system buffers
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 20)

	mire.freeze()
	peer.WaitFor(t, "an ICE restart", func() bool { return peer.Restarts() > 0 })
	peer.WaitPackets(t, Video, peer.Track(Video).Packets+20)
	eventually(t, "the restart counted", func() bool { return s.Stats().Restarts > 0 })

	mire.freeze()
	var sent uint64
	since := time.Now()
	eventually(t, "a write to get stuck", func() bool {
		if now := s.Stats().Tracks[0].PacketsSent; now != sent {
			sent, since = now, time.Now()
		}
		return time.Since(since) > 100*time.Millisecond
	})
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	began := time.Now()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > stuckWrite+closeWait+5*time.Second {
		t.Errorf("Close took %v", took)
	}
}

// mire is a way for TCP connections on which those there are can be made to stick.
type mire struct {
	listener net.Listener
	done     sync.WaitGroup

	mu   sync.Mutex
	ways []*mired
}

type mired struct {
	client, server net.Conn
	frozen         chan struct{}
}

func newMire(t *testing.T, to string) *mire {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mire{listener: l}
	m.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetReadBuffer(8 << 10)
			s, err := net.Dial("tcp4", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			w := &mired{c, s, make(chan struct{})}
			m.mu.Lock()
			m.ways = append(m.ways, w)
			m.mu.Unlock()
			m.done.Go(func() { w.carry(s, c) })
			m.done.Go(func() { w.carry(c, s) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		m.mu.Lock()
		for _, w := range m.ways {
			_ = w.client.Close()
			_ = w.server.Close()
		}
		m.mu.Unlock()
		m.done.Wait()
	})
	return m
}

func (m *mire) address() string { return m.listener.Addr().String() }

// freeze carries nothing more on the connections there are.
func (m *mire) freeze() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.ways {
		select {
		case <-w.frozen:
		default:
			close(w.frozen)
		}
	}
}

// carry ends when the way sticks, without a word to either side.
func (w *mired) carry(from, to net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		select {
		case <-w.frozen:
			return
		default:
		}
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}
