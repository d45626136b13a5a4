package rtspsrc

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// inlet is a TCP connection that reads all that has arrived at once, and which tells
// when it is about to wait for more.
type inlet struct {
	net.Conn
	onBlock func()
	raw     syscall.RawConn // nil where reads cannot be tried

	deadline atomic.Int64 // no write lasts longer: unix nanoseconds, 0 none

	arrived time.Time // of the newest bytes; read by the goroutine that reads
	ahead   spool     // of Read, whose callers have little room

	// into is where tryRead reads to. Its outcome is kept as a value because a
	// closure a read would be an allocation a read.
	into   *spool
	try    func(fd uintptr) bool
	tryN   int
	tryErr error
}

func newInlet(c net.Conn, onBlock func()) *inlet {
	in := &inlet{Conn: c, onBlock: onBlock}
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

// Read implements net.Conn, for TLS and tunnels. It must not be called by two
// goroutines at once.
func (in *inlet) Read(p []byte) (int, error) {
	if len(in.ahead.data()) == 0 {
		if err := in.fill(&in.ahead, 0); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.ahead.data())
	in.ahead.use(n)
	return n, nil
}

// fill adds what has arrived to s, which is to hold need bytes, and waits if nothing
// has.
func (in *inlet) fill(s *spool, need int) error {
	n, err := in.receive(s, need)
	if err != nil {
		return err
	}
	s.took(n)
	in.arrived = time.Now()
	s.at = in.arrived
	return nil
}

func (in *inlet) receive(s *spool, need int) (int, error) {
	if in.raw == nil {
		in.onBlock()
		return in.Conn.Read(s.room(need))
	}
	in.into = s
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
