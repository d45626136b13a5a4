package batchudp

import (
	"bytes"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whatever is written comes out byte for byte and in order.
func TestOrderAndBytes(t *testing.T) {
	tests := []struct {
		name    string
		sizes   []int
		batches uint64 // system calls with more than one datagram
		batched uint64
	}{
		{"one", []int{1200}, 0, 0},
		{"frame", append(equal(17, 1216), 700), 1, 18},
		{"all equal", equal(5, 900), 1, 5},
		{"small one first", []int{50, 1200, 1200, 300}, 1, 3},
		{"growing", []int{100, 200, 300}, 0, 0},
		{"shrinking", []int{300, 200, 100}, 1, 2},
		{"two runs", []int{1200, 1200, 10, 1200, 1200, 10}, 2, 6},
		{"more than the segments of a batch", equal(150, 100), 3, 150},
		{"more than the bytes of a batch", append(equal(120, 1216), 7), 3, 121},
		{"tiny", []int{2, 2, 2, 1200}, 1, 3},
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, test := range tests {
			t.Run(address+" "+test.name, func(t *testing.T) {
				sink, c := listen(t, address), newConn(t, address)
				want := run(test.sizes...)
				holdClock(c)
				write(t, c, addressOf(sink), want...)
				c.Flush()
				expect(t, sink, want...)
				st := c.Stats()
				if c.Gathers() && (st.Batches != test.batches || st.Batched != test.batched) {
					t.Errorf("%+v, want %d batches of %d", st, test.batches, test.batched)
				}
				if st.Datagrams != uint64(len(want)) || st.Failed != 0 || st.Split != 0 {
					t.Errorf("%+v", st)
				}
			})
		}
	}
}

// A socket bound to no address, as sessions have it, sends to both families.
func TestWildcardSocket(t *testing.T) {
	c := newConn(t, ":0")
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		sink := listen(t, address)
		want := run(1000, 1000, 1000, 20)
		write(t, c, addressOf(sink), want...)
		expect(t, sink, want...)
	}
}

func TestSeveralAddresses(t *testing.T) {
	a, b, c := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0"), newConn(t, "127.0.0.1:0")
	for i := range 10 {
		write(t, c, addressOf(a), media(500, i), media(500, i+100))
		write(t, c, addressOf(b), media(500, i+200))
	}
	c.Flush()
	for i := range 10 {
		expect(t, a, media(500, i), media(500, i+100))
		expect(t, b, media(500, i+200))
	}
}

// What is not RTP goes out at once, behind what was written before.
func TestControlNeverWaits(t *testing.T) {
	for name, first := range map[string][]byte{
		"STUN": control(0, 1), "DTLS": control(22, 254), "RTCP": control(0x80, 200), "TURN channel": control(0x40, 0),
	} {
		t.Run(name, func(t *testing.T) {
			sink, c := listen(t, "127.0.0.1:0"), newConn(t, "127.0.0.1:0")
			write(t, c, addressOf(sink), media(800, 1), media(800, 2), first)
			expect(t, sink, media(800, 1), media(800, 2), first)
			write(t, c, addressOf(sink), first)
			expect(t, sink, first)
		})
	}
}

func TestDeadline(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	if !needBatches(t, c) {
		return
	}
	for i := range 5 { // the timer works again each time
		write(t, c, addressOf(sink), media(800, i))
		expect(t, sink, media(800, i)) // nobody flushes
	}
	if st := c.Stats(); st.Late != 5 {
		t.Errorf("%+v, want 5 sent by the deadline", st)
	}
}

// A timer that was started for one batch does not cut short the next, and does
// not forget it.
func TestDeadlineOfTheNextBatch(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	if !needBatches(t, c) {
		return
	}
	for i := range 50 {
		write(t, c, addressOf(sink), media(800, i), media(10, i), media(800, i))
		expect(t, sink, media(800, i), media(10, i), media(800, i))
	}
}

// A trusted writer's datagrams leave by its flushes, and no timer runs.
func TestTrust(t *testing.T) {
	c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	if !needBatches(t, c) {
		return
	}
	write(t, c, addressOf(sink), media(800, 0)) // the timer runs for this one
	c.Trust()
	expect(t, sink, media(800, 0))
	for i := range 20 {
		write(t, c, addressOf(sink), media(800, i), media(800, i+1))
		c.Flush()
		expect(t, sink, media(800, i), media(800, i+1))
	}
	late := c.Stats().Late
	write(t, c, addressOf(sink), media(800, 1))
	c.mu.Lock()
	armed := c.armed
	c.mu.Unlock()
	if armed {
		t.Error("a timer runs")
	}
	write(t, c, addressOf(sink), control(0x80, 200)) // what was forgotten leaves with a report
	expect(t, sink, media(800, 1), control(0x80, 200))
	if st := c.Stats(); st.Late > late+1 || st.Failed != 0 { // a machine this slow may have had a look between
		t.Errorf("%+v", st)
	}
}

// Many writers at once, each with an order of its own.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 200
	c := newConn(t, "127.0.0.1:0")
	sinks := make([]*net.UDPConn, writers)
	for i := range sinks {
		sinks[i] = listen(t, "127.0.0.1:0")
	}
	var wg sync.WaitGroup
	for w := range writers {
		to := addressOf(sinks[w])
		wg.Go(func() {
			for i := range each {
				d := media(200+i%3, w*each+i)
				if i%50 == 0 {
					d = control(0x80, 201)
				}
				if _, err := c.WriteToAddrPort(d, to); err != nil {
					t.Error(err)
					return
				}
				if i%7 == 0 {
					c.Flush()
				}
			}
		})
	}
	wg.Wait()
	c.Flush()
	for w, sink := range sinks {
		for i := range each {
			want := media(200+i%3, w*each+i)
			if i%50 == 0 {
				want = control(0x80, 201)
			}
			expect(t, sink, want)
		}
	}
}

func TestCloseWhileWriting(t *testing.T) {
	for range 20 {
		c, sink := newConn(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
		to, started, ended := addressOf(sink), make(chan struct{}), make(chan error)
		go func() {
			for i := 0; ; i++ {
				if _, err := c.WriteToAddrPort(media(100, i), to); err != nil {
					ended <- err
					return
				}
				if i == 10 {
					close(started)
				}
			}
		}()
		<-started
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		case <-time.After(limit):
			t.Fatal("the writer goes on after Close")
		}
		c.Flush()
	}
}

func TestPacketConn(t *testing.T) {
	a, b := newConn(t, "127.0.0.1:0"), newConn(t, "127.0.0.1:0")
	if _, err := a.WriteTo(media(100, 1), &net.IPAddr{}); err == nil {
		t.Error("an address without a port was taken")
	}
	for i := range 2 {
		if _, err := a.WriteTo(media(100, i), b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		a.Flush()
		if err := b.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 200)
		n, from, err := b.ReadFrom(buf)
		if err != nil || !bytes.Equal(buf[:n], media(100, i)) || from.String() != a.LocalAddr().String() {
			t.Fatalf("%d bytes from %v: %v", n, from, err)
		}
	}
	if err := a.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := a.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.ReadFromAddrPort(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after its deadline: %v", err)
	}
	if _, err := a.WriteTo(control(0, 1), b.LocalAddr()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write after its deadline: %v", err)
	}
}

func TestNoAllocations(t *testing.T) {
	c, sink := newConn(t, ":0"), listen(t, "127.0.0.1:0")
	to, full, last := addressOf(sink), media(1216, 1), media(600, 2)
	frame := func() {
		for range 17 {
			_, _ = c.WriteToAddrPort(full, to)
		}
		_, _ = c.WriteToAddrPort(last, to)
		c.Flush()
	}
	frame()
	if n := testing.AllocsPerRun(200, frame); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
