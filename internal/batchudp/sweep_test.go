package batchudp

import (
	"net/netip"
	"testing"
	"time"
)

// What a trusted writer forgets to flush leaves all the same, and so does what it
// forgets after a pause, when nothing looks any more.
func TestForgotten(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	if !needBatches(t, c) {
		return
	}
	c.Trust()
	for i := range 3 {
		want := run(1000, 1000)
		unswept(func() { write(t, c, addressOf(sink), want...) }) // in one batch
		expect(t, sink, want...)
		if late := c.Stats().Late; late != uint64(i+1) {
			t.Fatalf("%d late batches after %d", late, i+1)
		}
		idle(t)
	}
}

// idle waits until nothing looks after forgotten batches any more.
func idle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(limit); sweep.armed.Load(); {
		if time.Now().After(end) {
			t.Fatal("the sweeper never rests")
		}
		tick(time.Millisecond)
	}
}

func tick(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// A batch that is flushed in time is left alone, also if its socket then rests.
func TestNotForgotten(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	c.Trust()
	for range 5 {
		want := run(1000, 1000, 500)
		unswept(func() { // not even on a machine that stands still between the two
			write(t, c, addressOf(sink), want...)
			c.Flush()
		})
		expect(t, sink, want...)
	}
	idle(t)
	if late := c.Stats().Late; late != 0 {
		t.Errorf("%d late batches", late)
	}
}

// A socket that cannot send holds up neither the looks nor the other sockets.
func TestForgottenBesideABlockedSocket(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	blocked := newConn(t, "127.0.0.1:0")
	if !needBatches(t, c) {
		return
	}
	free := make(chan struct{})
	send := blocked.send
	blocked.send = func(b []byte, size int, to netip.AddrPort) error {
		<-free
		return send(b, size, to)
	}
	blocked.Trust()
	c.Trust()
	unswept(func() { write(t, blocked, addressOf(sink), run(700, 700)...) })
	eventuallyLate(t, blocked, 1)
	for i := range 3 {
		want := run(1000, 1000)
		unswept(func() { write(t, c, addressOf(sink), want...) }) // in one batch
		expect(t, sink, want...)
		if late := c.Stats().Late; late != uint64(i+1) {
			t.Errorf("%d late batches after %d", late, i+1)
		}
	}
	close(free)
	expect(t, sink, run(700, 700)...)
}

func eventuallyLate(t *testing.T, c *Conn, n uint64) {
	t.Helper()
	for end := time.Now().Add(limit); c.Stats().Late < n; {
		if time.Now().After(end) {
			t.Fatal("nothing was sent late")
		}
		tick(time.Millisecond)
	}
}
