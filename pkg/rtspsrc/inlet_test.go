package rtspsrc

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// socketPair connects two sockets on loopback.
func socketPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if ours, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

func TestInletReadsAllAndTellsBeforeItWaits(t *testing.T) {
	ours, theirs := socketPair(t)
	const total = 1 << 20
	want := bytes.Repeat([]byte("0123456789abcdef"), total/16)
	read := 0
	var blockedAt []int // how much had been read at each OnBlock
	in := newInlet(ours, func() { blockedAt = append(blockedAt, read) })
	go func() {
		_, _ = theirs.Write(want)
		theirs.Close()
	}()
	var got bytes.Buffer
	buf := make([]byte, 4096)
	begin := time.Now()
	for {
		n, err := in.Read(buf)
		got.Write(buf[:n])
		read += n
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if in.arrived.Before(begin) || time.Since(in.arrived) > time.Minute {
			t.Fatalf("arrived at %v", in.arrived)
		}
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes, want %d", got.Len(), total)
	}
	for i := 1; i < len(blockedAt); i++ {
		if blockedAt[i] < blockedAt[i-1] {
			t.Errorf("OnBlock at %v", blockedAt)
		}
	}
}

func TestInletTellsOncePerWait(t *testing.T) {
	ours, theirs := socketPair(t)
	var blocked atomic.Int64
	in := newInlet(ours, func() {
		// The next byte is sent only when the reader says that it waits.
		blocked.Add(1)
		_, _ = theirs.Write([]byte{1})
	})
	buf := make([]byte, 10)
	for range 20 {
		if _, err := in.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	if n := blocked.Load(); n < 1 || n > 30 {
		t.Errorf("OnBlock was called %d times for 20 waits", n)
	}
}

func TestInletReadEndsWithClose(t *testing.T) {
	ours, _ := socketPair(t)
	waiting := make(chan struct{}, 100)
	in := newInlet(ours, func() { waiting <- struct{}{} })
	done := make(chan error)
	go func() {
		_, err := in.Read(make([]byte, 10))
		done <- err
	}()
	<-waiting
	in.Close()
	if err := <-done; err == nil {
		t.Error("Read succeeded after Close")
	}
}

func TestDatagramInlet(t *testing.T) {
	var blocked atomic.Int64
	pc, err := listenPacket("udp", ":0", func() { blocked.Add(1) }, 1<<20, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	for _, network := range []string{"udp4", "udp6"} {
		host := map[string]string{"udp4": "127.0.0.1", "udp6": "::1"}[network]
		_, port, _ := net.SplitHostPort(pc.LocalAddr().String())
		c, err := net.Dial(network, net.JoinHostPort(host, port))
		if err != nil {
			continue // no such network here
		}
		if _, err := c.Write([]byte(network)); err != nil {
			c.Close()
			continue
		}
		buf := make([]byte, 100)
		if err := pc.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		sender, ok := from.(*net.UDPAddr)
		if string(buf[:n]) != network || !ok || !sender.IP.Equal(net.ParseIP(host)) || sender.Port != c.LocalAddr().(*net.UDPAddr).Port {
			t.Errorf("%q from %v", buf[:n], from)
		}
		c.Close()
	}
	if err := pc.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := pc.ReadFrom(make([]byte, 10)); !isTimeout(err) {
		t.Errorf("after the deadline: %v", err)
	}
}
