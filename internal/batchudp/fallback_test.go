package batchudp

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// Each refusal is answered by sending singly; those that are final end batches.
func TestFallback(t *testing.T) {
	for _, test := range []struct {
		err   error
		final bool
	}{
		{syscall.EIO, true},
		{syscall.EINVAL, true},
		{syscall.ENOBUFS, false},
		{syscall.EPERM, false},
		{syscall.EMSGSIZE, true},
	} {
		t.Run(fmt.Sprint(test.err), func(t *testing.T) {
			c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
			if !needBatches(t, c) {
				return
			}
			tries := 0
			send := c.send
			c.send = func(b []byte, size int, to netip.AddrPort) error {
				if size == 0 {
					return send(b, 0, to)
				}
				tries++
				return &net.OpError{Op: "write", Err: os.NewSyscallError("sendmsg", test.err)}
			}
			for i := range 3 {
				want := run(1200, 1200, 1200, 7+i)
				holdClock(c)
				write(t, c, addressOf(sink), want...)
				c.Flush()
				expect(t, sink, want...)
			}
			wantTries := 3
			if test.final {
				wantTries = 1
			}
			if st := c.Stats(); tries != wantTries || st.Split != uint64(wantTries) || st.Datagrams != 12 || c.Gathers() == test.final {
				t.Errorf("%d tries, %+v, gathers %v", tries, st, c.Gathers())
			}
		})
	}
}

// Datagrams far larger than any packet of media, as a batch and refused as one.
func TestLargeSegments(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	want := run(32000, 32000, 32000, maxBatch)
	write(t, c, addressOf(sink), want...)
	c.Flush()
	expect(t, sink, want...)
	send := c.send
	c.send = func(b []byte, size int, to netip.AddrPort) error {
		if size != 0 {
			return syscall.EINVAL
		}
		return send(b, 0, to)
	}
	write(t, c, addressOf(sink), want...)
	c.Flush()
	expect(t, sink, want...)
}

// Without batches, as on other systems and old kernels, nothing ever waits.
func TestPlain(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	c.gathers.Store(false)
	want := run(1200, 1200, 300, 1200)
	write(t, c, addressOf(sink), want...)
	expect(t, sink, want...)
	if st := c.Stats(); st.Batches != 0 || st.Late != 0 || st.Datagrams != 4 {
		t.Errorf("%+v", st)
	}
}

// A batch that runs into the write deadline is lost, not sent once more.
func TestWriteDeadlineDropsTheBatch(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	if !needBatches(t, c) {
		return
	}
	if err := c.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	holdClock(c)
	write(t, c, addressOf(sink), run(100, 100, 100)...)
	c.Flush()
	if st := c.Stats(); st.Failed != 3 || st.Split != 0 || st.Datagrams != 0 {
		t.Errorf("%+v", st)
	}
}
