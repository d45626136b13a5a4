package batchudp

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"
)

// limit is how long a test waits for what must happen.
const limit = time.Minute

func listen(t testing.TB, address string) *net.UDPConn {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadBuffer(4 << 20)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newConn(t testing.TB, address string) *Conn {
	t.Helper()
	c := New(listen(t, address))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func addressOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// media makes an RTP packet of n bytes, different from all others.
func media(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(seed*31 + i*7)
	}
	b[0], b[1] = 0x80, 96
	return b
}

func control(first, second byte) []byte { return append([]byte{first, second}, make([]byte, 40)...) }

func receive(t testing.TB, c *net.UDPConn) []byte {
	t.Helper()
	buf := make([]byte, 65536)
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func expect(t testing.TB, c *net.UDPConn, want ...[]byte) {
	t.Helper()
	for i, w := range want {
		if got := receive(t, c); !bytes.Equal(got, w) {
			t.Fatalf("datagram %d of %d: %d bytes %x..., want %d bytes %x...", i, len(want), len(got), head(got), len(w), head(w))
		}
	}
}

func head(b []byte) []byte { return b[:min(len(b), 8)] }

func write(t testing.TB, c *Conn, to netip.AddrPort, datagrams ...[]byte) {
	t.Helper()
	for _, d := range datagrams {
		if n, err := c.WriteToAddrPort(d, to); n != len(d) || err != nil {
			t.Fatalf("write of %d bytes: %d, %v", len(d), n, err)
		}
	}
}

// needBatches ends a test on a system without batches, where what it would look at
// cannot happen; all that must hold there is that nothing waits.
func needBatches(t *testing.T, c *Conn) bool {
	t.Helper()
	if !c.Gathers() {
		sink := listen(t, "127.0.0.1:0")
		write(t, c, addressOf(sink), media(100, 1))
		expect(t, sink, media(100, 1))
		return false
	}
	return true
}

// holdClock makes what is written until the next flush wait for that, however long the
// machine stands still: the timer seems to run already, and never fires.
func holdClock(c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = true
	c.waiting.Store(true)
}

// unswept does something while nobody looks after forgotten batches.
func unswept(do func()) {
	sweep.mu.Lock()
	defer sweep.mu.Unlock()
	do()
}

func run(sizes ...int) [][]byte {
	var out [][]byte
	for i, n := range sizes {
		out = append(out, media(n, i))
	}
	return out
}

func equal(n, size int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = size
	}
	return out
}
