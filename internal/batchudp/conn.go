package batchudp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Deadline is the longest that a datagram waits when nobody flushes.
const Deadline = time.Millisecond

const (
	// maxSegments is what Linux took at first, and still does for IPv6 in parts.
	maxSegments = 64
	// maxBatch is the largest payload of an IPv4 datagram, which a batch must not
	// exceed as a whole: 65,535 less 20 for IP and 8 for UDP.
	maxBatch = 65507
	// startBatch is a batch's first memory: a frame of 1080p at 4 Mb/s.
	startBatch = 20 << 10
)

// Stats count what a Conn has sent.
type Stats struct {
	Datagrams uint64 // given to the kernel, in batches or singly
	Batches   uint64 // system calls that sent more than one datagram
	Batched   uint64 // datagrams in them
	Split     uint64 // batches that the kernel refused, sent singly instead
	Late      uint64 // batches that the deadline sent
	Failed    uint64 // datagrams that could not be sent
}

// Conn is a UDP socket. It is a net.PacketConn and has the methods by which an
// ICE agent avoids allocating addresses. All methods may be called at once.
type Conn struct {
	udp *net.UDPConn
	in  *receiver
	// send sends datagrams of this size, 0 for one of any; a field for the tests.
	send func(b []byte, size int, to netip.AddrPort) error

	gathers atomic.Bool   // batches work, as far as is known
	trusts  atomic.Bool   // the writer flushes before it waits
	waiting atomic.Bool   // there may be a batch, and the timer may run; saves Flush the lock
	begun   atomic.Uint64 // batches; for the sweeper, as are the two below

	sweeping atomic.Bool
	sweeps   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	alone  bool // the packet between Begin and End does not go into the batch
	buf    []byte
	size   int // of the batch's datagrams; the last may be shorter
	count  int
	to     netip.AddrPort
	since  time.Time // when the batch began
	timer  *time.Timer
	armed  bool // the timer runs

	datagrams, batches, batched, split, late, failed atomic.Uint64
}

var _ net.PacketConn = (*Conn)(nil)

// New takes over a socket.
func New(udp *net.UDPConn) *Conn {
	s, segments := newSender(udp)
	c := &Conn{udp: udp, in: newReceiver(udp), send: s.send}
	c.gathers.Store(segments)
	c.timer = time.AfterFunc(time.Hour, c.expire)
	c.timer.Stop()
	sweep.add(c)
	return c
}

// Gathers reports whether datagrams are sent in batches on this socket.
func (c *Conn) Gathers() bool { return c.gathers.Load() }

// Stats may be called at any time.
func (c *Conn) Stats() Stats {
	return Stats{
		Datagrams: c.datagrams.Load(), Batches: c.batches.Load(), Batched: c.batched.Load(),
		Split: c.split.Load(), Late: c.late.Load(), Failed: c.failed.Load(),
	}
}

// WriteToAddrPort sends a datagram, or keeps a copy of it in the batch.
func (c *Conn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if isRTP(b) {
		room, err := c.Begin(len(b), to)
		if err != nil {
			return 0, err
		}
		if err := c.End(copy(room, b)); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	c.flush()
	return c.single(b, to)
}

// Begin returns room for one RTP packet of n bytes in the batch, so that it can be
// made where it leaves from. The socket is the caller's until End.
func (c *Conn) Begin(n int, to netip.AddrPort) ([]byte, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, net.ErrClosed
	}
	gathers := c.gathers.Load() && n <= maxBatch
	if c.count > 0 && (!gathers || to != c.to || n > c.size || c.count == maxSegments || len(c.buf)+n > maxBatch) {
		c.flush()
	}
	c.alone = !gathers
	if c.count == 0 {
		c.to = to
	}
	end := len(c.buf) + n
	if end > cap(c.buf) {
		c.grow(end)
	}
	return c.buf[len(c.buf):end], nil
}

// End says how many bytes Begin's caller has made of them, 0 for none, and sends
// what must not wait.
func (c *Conn) End(n int) error {
	defer c.mu.Unlock()
	switch {
	case n == 0:
		return nil
	case c.alone:
		_, err := c.single(c.buf[:n], c.to)
		return err
	}
	if c.count == 0 {
		c.size = n
		c.begin()
	}
	c.buf = c.buf[:len(c.buf)+n]
	c.count++
	if n < c.size {
		c.flush()
	}
	return nil
}

// WriteTo implements net.PacketConn.
func (c *Conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, &net.OpError{Op: "write", Net: "udp", Addr: addr, Err: net.InvalidAddrError("not a UDP address")}
	}
	return c.WriteToAddrPort(b, udp.AddrPort())
}

// Trust tells that the writer calls Flush whenever it has no more at hand. From now
// on no timer is started for each batch; what is forgotten all the same leaves
// within Forgotten.
func (c *Conn) Trust() {
	if !c.trusts.Load() {
		c.trusts.Store(true)
	}
}

// Flush sends what has gathered. It costs next to nothing when that is nothing.
func (c *Conn) Flush() {
	if !c.waiting.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
	c.disarm()
}

// disarm stops the clock.
func (c *Conn) disarm() {
	c.waiting.Store(false)
	if c.armed {
		c.armed = false
		c.timer.Stop()
	}
}

// begin starts the clock of a batch. A timer that is still running from the batch
// before does as well: when it fires it looks how old this one is.
func (c *Conn) begin() {
	c.begun.Add(1)
	if c.trusts.Load() {
		c.waiting.Store(true)
		sweep.arm()
		return
	}
	c.since = time.Now()
	if !c.armed {
		c.armed = true
		c.waiting.Store(true)
		c.timer.Reset(Deadline)
	}
}

// grow doubles the batch's memory until it has room for so many bytes.
func (c *Conn) grow(need int) {
	size := max(cap(c.buf), startBatch)
	for size < need {
		size *= 2
	}
	c.buf = append(make([]byte, 0, max(need, min(size, maxBatch))), c.buf...)
}

// expire is the timer's function.
func (c *Conn) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed {
		return // stopped, but too late
	}
	if c.count > 0 {
		if left := Deadline - time.Since(c.since); left > 0 {
			c.timer.Reset(left)
			return
		}
		c.late.Add(1)
		c.flush()
	}
	c.armed = false
	c.waiting.Store(false)
}

// flush sends the batch; mu is held.
func (c *Conn) flush() {
	if c.count == 0 {
		return
	}
	batch, count := c.buf, c.count
	c.buf, c.count = c.buf[:0], 0
	if count == 1 {
		_, _ = c.single(batch, c.to)
		return
	}
	err := c.send(batch, c.size, c.to)
	switch {
	case err == nil:
		c.datagrams.Add(uint64(count))
		c.batches.Add(1)
		c.batched.Add(uint64(count))
		return
	case errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded):
		c.failed.Add(uint64(count))
		return
	case unsupported(err):
		c.gathers.Store(false)
	}
	c.split.Add(1)
	for len(batch) > 0 {
		n := min(c.size, len(batch))
		_, _ = c.single(batch[:n], c.to)
		batch = batch[n:]
	}
}

// single sends one datagram; mu is held.
func (c *Conn) single(b []byte, to netip.AddrPort) (int, error) {
	if err := c.send(b, 0, to); err != nil {
		c.failed.Add(1)
		return 0, err
	}
	c.datagrams.Add(1)
	return len(b), nil
}

// isRTP tells RTP from STUN, DTLS and TURN channels (RFC 7983 section 7) and from
// RTCP (RFC 5761 section 4).
func isRTP(b []byte) bool {
	return len(b) > 1 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223)
}

// ReadFromAddrPort receives one datagram.
func (c *Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return c.in.receive(b)
}

// ReadFrom implements net.PacketConn.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// LocalAddr implements net.PacketConn.
func (c *Conn) LocalAddr() net.Addr { return c.udp.LocalAddr() }

// SetDeadline implements net.PacketConn.
func (c *Conn) SetDeadline(t time.Time) error { return c.udp.SetDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.udp.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn. It ends writes that wait already.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.udp.SetWriteDeadline(t) }

// Close closes the socket. What has gathered and was not flushed is dropped.
func (c *Conn) Close() error {
	err := c.udp.Close()
	sweep.remove(c)
	c.mu.Lock()
	c.closed = true
	c.disarm()
	c.failed.Add(uint64(c.count))
	c.buf, c.count = nil, 0
	c.mu.Unlock()
	c.sweeps.Wait()
	return err
}
