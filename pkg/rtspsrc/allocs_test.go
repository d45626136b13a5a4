//go:build !race

package rtspsrc

import (
	"bytes"
	"net"
	"strings"
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
