package rtspsrc

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// inletSize is the size of an inlet's buffer: a burst of some 40 packets comes in
// with one system call, and 50 cameras still cost only 3 MB.
const inletSize = 64 << 10

// inlet is a TCP connection whose reads are buffered generously and which tells
// when it is about to wait for more.
type inlet struct {
	net.Conn
	onBlock func()
	raw     syscall.RawConn // nil where reads cannot be tried

	deadline atomic.Int64 // no write lasts longer: unix nanoseconds, 0 none

	buf     []byte
	r, w    int
	arrived time.Time // when buf was filled; read by the goroutine that reads

	// The outcome of tryRead, which is kept as a value because a closure a read
	// would be an allocation a read.
	try    func(fd uintptr) bool
	tryN   int
	tryErr error
}

func newInlet(c net.Conn, onBlock func()) *inlet {
	in := &inlet{Conn: c, onBlock: onBlock, buf: make([]byte, inletSize)}
	if in.onBlock == nil {
		in.onBlock = func() {}
	}
	if sc, ok := c.(syscall.Conn); ok && canTryRead {
		if raw, err := sc.SyscallConn(); err == nil {
			in.raw = raw
			in.try = in.tryRead
		}
	}
	return in
}

// Read implements net.Conn. It must not be called by two goroutines at once.
func (in *inlet) Read(p []byte) (int, error) {
	if in.r == in.w {
		n, err := in.fill()
		if err != nil {
			return 0, err
		}
		in.r, in.w = 0, n
		in.arrived = time.Now()
	}
	n := copy(p, in.buf[in.r:in.w])
	in.r += n
	return n, nil
}

// fill reads what has arrived into buf, waiting if nothing has.
func (in *inlet) fill() (int, error) {
	if in.raw == nil {
		in.onBlock()
		return in.Conn.Read(in.buf)
	}
	if err := in.raw.Read(in.try); err != nil {
		return 0, err
	}
	if in.tryErr != nil {
		return 0, &net.OpError{Op: "read", Net: "tcp", Addr: in.RemoteAddr(), Err: in.tryErr}
	}
	if in.tryN == 0 {
		return 0, io.EOF
	}
	return in.tryN, nil
}

// SetWriteDeadline implements net.Conn, within the bound that hurry has set.
func (in *inlet) SetWriteDeadline(t time.Time) error {
	if limit := in.deadline.Load(); limit != 0 {
		if l := time.Unix(0, limit); t.IsZero() || t.After(l) {
			t = l
		}
	}
	return in.Conn.SetWriteDeadline(t)
}

// hurry bounds all writes from now on, the one that is under way included, so
// that a camera which has stopped reading cannot hold up Close.
func (in *inlet) hurry(d time.Duration) {
	limit := time.Now().Add(d)
	in.deadline.Store(limit.UnixNano())
	_ = in.Conn.SetWriteDeadline(limit)
}
