package parts

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Relay is a bad network: it hands UDP datagrams on to one address, and the replies
// back, and on the way loses some and delays all.
type Relay struct {
	to    netip.AddrPort
	bad   Impairment
	front *net.UDPConn
	done  sync.WaitGroup

	mu    sync.Mutex
	backs map[netip.AddrPort]*net.UDPConn // by whom they belong to
	shut  bool

	passed, lost atomic.Uint64
}

// Impairment is what a relay does to each direction.
type Impairment struct {
	Loss  float64       // part of the datagrams, 0 to 1
	Delay time.Duration // of each; the order stays
	Seed  uint64        // of the chance by which datagrams are lost
}

// StartRelay starts a relay on loopback for the length of the test.
func StartRelay(t testing.TB, to netip.AddrPort, bad Impairment) *Relay {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{to: to, bad: bad, front: front, backs: make(map[netip.AddrPort]*net.UDPConn)}
	_ = front.SetReadBuffer(4 << 20)
	r.done.Go(r.forward)
	t.Cleanup(r.close)
	return r
}

// Addr is where the relay takes datagrams.
func (r *Relay) Addr() netip.AddrPort { return r.front.LocalAddr().(*net.UDPAddr).AddrPort() }

// Counts tell how many datagrams went through and how many were lost.
func (r *Relay) Counts() (passed, lost uint64) { return r.passed.Load(), r.lost.Load() }

func (r *Relay) close() {
	_ = r.front.Close()
	r.mu.Lock()
	r.shut = true
	for _, back := range r.backs {
		_ = back.Close()
	}
	r.mu.Unlock()
	r.done.Wait()
}

// forward carries everybody's datagrams to the far side.
func (r *Relay) forward() {
	r.carry(r.front, r.bad.Seed, func(from netip.AddrPort, b []byte) {
		if back := r.backOf(from); back != nil {
			_, _ = back.WriteToUDPAddrPort(b, r.to)
		}
	})
}

// backOf is the socket by which the far side knows one sender.
func (r *Relay) backOf(from netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut || r.backs[from] != nil {
		return r.backs[from]
	}
	back, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil
	}
	r.backs[from] = back
	r.done.Go(func() {
		r.carry(back, r.bad.Seed+1, func(_ netip.AddrPort, b []byte) {
			_, _ = r.front.WriteToUDPAddrPort(b, from)
		})
	})
	return back
}

// datagram is on its way.
type datagram struct {
	from netip.AddrPort
	b    []byte
	at   time.Time // when it is handed on
}

// carry reads until the socket is closed, and hands on what is not lost.
func (r *Relay) carry(conn *net.UDPConn, seed uint64, hand func(from netip.AddrPort, b []byte)) {
	chance := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same losses in each run
	way := make(chan datagram, 4096)
	var late sync.WaitGroup
	late.Go(func() {
		for d := range way {
			time.Sleep(time.Until(d.at))
			hand(d.from, d.b)
		}
	})
	defer late.Wait()
	defer close(way)
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if chance.Float64() < r.bad.Loss {
			r.lost.Add(1)
			continue
		}
		r.passed.Add(1)
		d := datagram{netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), append([]byte(nil), buf[:n]...), time.Now().Add(r.bad.Delay)}
		select {
		case way <- d:
		default:
			r.lost.Add(1) // a queue of seconds: the machine stands still
		}
	}
}

// String tells what became of the datagrams.
func (r *Relay) String() string {
	passed, lost := r.Counts()
	return fmt.Sprintf("%d datagrams passed, %d lost (%.1f %%)", passed, lost, 100*float64(lost)/float64(max(passed+lost, 1)))
}
