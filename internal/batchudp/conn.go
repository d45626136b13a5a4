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

	gathers atomic.Bool // batches work, as far as is known
	trusts  atomic.Bool // the writer flushes before it waits
	waiting atomic.Bool // there may be a batch, and the timer may run; saves Flush the lock

	mu     sync.Mutex
	closed bool
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
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	if !c.gathers.Load() || !isRTP(b) || len(b) > maxBatch {
		c.flush()
		return c.single(b, to)
	}
	if c.count > 0 && (to != c.to || len(b) > c.size || c.count == maxSegments || len(c.buf)+len(b) > maxBatch) {
		c.flush()
	}
	c.gather(b, to)
	if len(b) < c.size {
		c.flush()
	}
	return len(b), nil
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
// on no timer is started.
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

// gather appends a datagram to the batch.
func (c *Conn) gather(b []byte, to netip.AddrPort) {
	if c.count == 0 {
		c.size, c.to = len(b), to
		c.begin()
	}
	if len(c.buf)+len(b) > cap(c.buf) {
		c.grow(len(c.buf) + len(b))
	}
	c.buf = append(c.buf, b...)
	c.count++
}

// begin starts the clock of a batch. A timer that is still running from the batch
// before does as well: when it fires it looks how old this one is.
func (c *Conn) begin() {
	if c.trusts.Load() {
		c.waiting.Store(true)
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
	c.buf = append(make([]byte, 0, min(size, maxBatch)), c.buf...)
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.disarm()
	c.failed.Add(uint64(c.count))
	c.buf, c.count = nil, 0
	return err
}
