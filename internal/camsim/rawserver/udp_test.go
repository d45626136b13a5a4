package rawserver

import (
	"bytes"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// udp plays over UDP and returns the socket that the media comes to.
func (c *client) udp() net.PacketConn {
	c.t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = pc.Close() })
	port := pc.LocalAddr().(*net.UDPAddr).Port
	a := c.want(200, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP;unicast;client_port="+portPair(port))
	c.sess = a.header.Get("Session")
	c.want(200, "PLAY", c.url)
	return pc
}

func TestSilentUDP(t *testing.T) {
	t.Parallel()
	s := serve(t, Faults{SilentUDP: true})
	c := dial(t, s.Addr().String())
	pc := c.udp()
	wait(t, "what would have been sent", func() bool { return s.Stats().AccessUnits > 20 })
	if err := pc.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := pc.ReadFrom(make([]byte, 2000)); err == nil {
		t.Errorf("%d bytes have come", n)
	}
	overTCP := dial(t, s.Addr().String())
	overTCP.play()
	overTCP.packets(3)
}

func TestLossyUDP(t *testing.T) {
	t.Parallel()
	s := serve(t, Faults{Lost: 50, Reordered: 100, Duplicated: 50}, func(c *Config) { c.Seed = 7 })
	c := dial(t, s.Addr().String())
	pc := c.udp()
	if err := pc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var seqs []uint16
	buf := make([]byte, 2000)
	for len(seqs) < 150 {
		n, _, err := pc.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		var p rtp.Packet
		if err := p.Unmarshal(buf[:n]); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, p.SequenceNumber)
	}
	steps := map[uint16]int{}
	for i := 1; i < len(seqs); i++ {
		steps[seqs[i]-seqs[i-1]]++
	}
	if steps[0] == 0 || steps[2] == 0 || steps[1] < 50 || s.Stats().Counts.Impaired < 10 {
		t.Errorf("steps %v, %+v", steps, s.Stats().Counts)
	}
}

// TestImpairment holds the way to its seed, its rates and its packets.
func TestImpairment(t *testing.T) {
	run := func(seed uint64) (arrived []int, touched int) {
		m := newImpairment(seed)
		for i := range 1000 {
			out, hit := m.pass([]byte{byte(i >> 8), byte(i)}, rates{100, 100, 100})
			if hit {
				touched++
			}
			for _, b := range out {
				arrived = append(arrived, int(b[0])<<8|int(b[1]))
			}
		}
		return arrived, touched
	}
	a, touched := run(1)
	if again, _ := run(1); !slices.Equal(a, again) {
		t.Error("the same seed does something else")
	}
	if other, _ := run(2); slices.Equal(a, other) {
		t.Error("another seed does the same")
	}
	count := map[int]int{}
	late := 0
	for i, v := range a {
		count[v]++
		if i > 0 && v < a[i-1] {
			late++
		}
	}
	twice := 0
	for _, n := range count {
		if n == 2 {
			twice++
		}
	}
	lost := 1000 - len(count)
	if lost < 50 || lost > 160 || twice < 50 || twice > 160 || late < 40 || late > 160 || touched < lost+twice {
		t.Errorf("%d lost, %d twice, %d late, %d touched", lost, twice, late, touched)
	}
	clean := newImpairment(1)
	if out, hit := clean.pass([]byte("x"), rates{}); hit || len(out) != 1 || !bytes.Equal(out[0], []byte("x")) {
		t.Error("a clean way changes packets")
	}
}
