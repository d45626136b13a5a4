//go:build !race

package rtspsrc

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestMediaPathAllocatesNothing takes the whole way from the socket to the handler.
func TestMediaPathAllocatesNothing(t *testing.T) {
	ours, theirs := socketPair(t)
	for name, c := range map[string]net.Conn{"socket": newInlet(ours, nil), "TLS or tunnel": struct{ net.Conn }{newInlet(ours, nil)}} {
		r := testReceiver()
		w := newWire(c)
		r.link.wire.Store(w)
		w.frames.allow(0)
		w.frames.playing.Store(true)
		w.frames.accepted.Store(true)
		handled := 0
		r.tapped(r.link, 0, func(pkt *rtp.Packet, arrived time.Time) {
			r.count(pkt, arrived)
			handled += len(pkt.Payload)
		})
		w.frames.life = time.Now().Add(time.Hour)
		// A picture in ten packets, then a sender report, for which Read returns.
		picture := bytes.Repeat([]byte(rtpFrame(0, strings.Repeat("v", 200))), 10)
		picture = append(picture, rtpFrame(1, "report")...)
		report := make([]byte, 4096)
		turn := func() {
			if _, err := theirs.Write(picture); err != nil {
				t.Fatal(err)
			}
			if n, err := w.Read(report); n != 22 || err != nil {
				t.Fatal(n, err)
			}
		}
		const turns = 500
		if n := testing.AllocsPerRun(turns, turn); n > 0 {
			t.Errorf("%s: %v allocations a picture", name, n)
		}
		if handled != (turns+1)*2000 {
			t.Errorf("%s: %d bytes handled", name, handled)
		}
		if s := &w.frames.in; name == "socket" && canTryRead && len(s.own) > spoolKeep {
			t.Errorf("%d bytes kept", len(s.own))
		}
	}
}

// TestRefusedTryIsCheap: a hundred cameras that are switched off may be tried for months.
func TestRefusedTryIsCheap(t *testing.T) {
	refusal := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	src, err := New(Config{URL: "rtsp://u:p@192.0.2.1/x", DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, refusal
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// Room for an error and its hint, and for nothing of gortsplib's.
	const most = 24
	if n := testing.AllocsPerRun(200, func() {
		if _, err := src.Open(ctx); err == nil || err.Error() == "" {
			t.Fatal(err)
		}
	}); n > most {
		t.Errorf("%v allocations a try, want %d at most", n, most)
	}
}

func TestInletAllocatesNothing(t *testing.T) {
	ours, theirs := socketPair(t)
	in := newInlet(ours, nil)
	msg, buf := make([]byte, 1000), make([]byte, 4096)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := theirs.Write(msg); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Read(buf); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a read", n)
	}
}

func TestDatagramInletAllocatesNothing(t *testing.T) {
	in, err := listenPacket("udp", "127.0.0.1:0", nil, 1<<16, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c, err := net.Dial("udp", in.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	msg, buf := make([]byte, 1000), make([]byte, 4096)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := c.Write(msg); err != nil {
			t.Fatal(err)
		}
		if n, _, err := in.ReadFrom(buf); n != len(msg) || err != nil {
			t.Fatal(n, err)
		}
	}); n > 0 && canTryRead {
		t.Errorf("%v allocations a datagram", n)
	}
}

func TestDatagramPathAllocatesNothing(t *testing.T) {
	if !canTryRead {
		return // net's own reads allocate
	}
	in, err := listenPacket("udp4", "127.0.0.1:0", nil, 1<<20, true, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c, err := net.Dial("udp4", in.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := testReceiver()
	r.socket = in
	handled := 0
	r.tapped(r.link, -1, func(pkt *rtp.Packet, arrived time.Time) {
		r.count(pkt, arrived)
		handled++
	})
	in.lifeEvery, in.life = time.Hour, time.Now()
	in.peer = c.LocalAddr().(*net.UDPAddr)
	pkt, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SSRC: 3}, Payload: make([]byte, 1000)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	seq, buf, end := uint16(0), make([]byte, 1500), []byte("no RTP")
	turn := func() {
		for _, ahead := range []uint16{0, 2, 1, 3} { // one waits
			binary.BigEndian.PutUint16(pkt[2:], seq+ahead)
			if _, err := c.Write(pkt); err != nil {
				t.Fatal(err)
			}
		}
		seq += 4
		if _, err := c.Write(end); err != nil { // for which ReadFrom returns
			t.Fatal(err)
		}
		if n, _, err := in.ReadFrom(buf); n != 6 || err != nil {
			t.Fatal(n, err)
		}
	}
	for range 600 { // the order's slots fill
		turn()
	}
	const turns = 200
	if n := testing.AllocsPerRun(turns, turn); n > 0 {
		t.Errorf("%v allocations for four packets", n)
	}
	if handled != 4*(600+turns+1) {
		t.Errorf("%d packets handled", handled)
	}
}
