package rawserver

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// played returns the first n RTP packets of a camera, over TCP.
func played(t *testing.T, f Faults, n int) []rtp.Packet {
	t.Helper()
	c := dial(t, serve(t, f).Addr().String())
	c.play()
	return c.packets(n)
}

// startsIDR tells whether an access unit with an IDR begins with this packet.
func startsIDR(p rtp.Packet) bool { return p.Payload[0]&0x1f == 7 }

func TestNumbers(t *testing.T) {
	t.Parallel()
	const n = 150 // past the second key frame
	ps := played(t, Faults{}, n)
	for i := 1; i < n; i++ {
		if a, b := ps[i-1], ps[i]; b.SequenceNumber != a.SequenceNumber+1 || b.SSRC != a.SSRC || b.Timestamp-a.Timestamp > 3600 {
			t.Fatalf("without faults, packet %d: %v after %v", i, b.Header, a.Header)
		}
	}
	ps = played(t, Faults{SSRCPerKeyFrame: true, SeqJumps: true}, n)
	jumps := 0
	for i := 1; i < n; i++ {
		a, b := ps[i-1], ps[i]
		jumped := b.SequenceNumber == a.SequenceNumber+5001
		if jumped != startsIDR(b) || (a.SSRC != b.SSRC) != jumped {
			t.Errorf("packet %d: %v after %v", i, b.Header, a.Header)
		}
		if jumped {
			jumps++
		}
	}
	if jumps == 0 {
		t.Error("no second key frame has come")
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	ps := played(t, Faults{TimestampReset: 500 * time.Millisecond}, 100)
	if ps[0].Timestamp != 0 {
		t.Errorf("begins at %d", ps[0].Timestamp)
	}
	resets := 0
	for i := 1; i < len(ps); i++ {
		switch step := ps[i].Timestamp - ps[i-1].Timestamp; {
		case step == 0 || step == 3600:
		case ps[i].Timestamp == 0 && ps[i-1].Marker:
			resets++
		default:
			t.Errorf("packet %d: %d after %d", i, ps[i].Timestamp, ps[i-1].Timestamp)
		}
	}
	if resets < 2 {
		t.Errorf("%d resets", resets)
	}
	off := map[uint32]bool{}
	ps = played(t, Faults{HoursOff: 10}, 100)
	for i := 1; i < len(ps); i++ {
		if ahead := ps[i].Timestamp - ps[0].Timestamp; ahead >= 3*3600*90000 && ahead < 4*3600*90000 {
			off[ps[i].Timestamp] = true
		}
	}
	if len(off) < 3 || len(off) > 10 {
		t.Errorf("%d of about 50 access units are hours off", len(off))
	}
}

// reports returns the sender reports among the first frames, raw.
func reports(t *testing.T, f Faults, enough func([][]byte, int) bool) [][]byte {
	t.Helper()
	c := dial(t, serve(t, f).Addr().String())
	c.play()
	var out [][]byte
	for frames := 0; !enough(out, frames); frames++ {
		if fr := c.frame(); fr.channel == 1 {
			out = append(out, fr.payload)
		}
	}
	return out
}

func TestClocks(t *testing.T) {
	t.Parallel()
	two := func(rs [][]byte, _ int) bool { return len(rs) == 2 }
	off := func(b []byte) time.Duration {
		ps, err := rtcp.Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		sr := ps[0].(*rtcp.SenderReport)
		return time.Until(time.Unix(int64(sr.NTPTime>>32)-2208988800, 0))
	}
	for _, b := range reports(t, Faults{}, two) {
		if d := off(b); d < -patience || d > patience {
			t.Errorf("a right clock is off by %v", d)
		}
	}
	rs := reports(t, Faults{Clock: ClockSteps}, two)
	if a, b := off(rs[0]), off(rs[1]); a < 59*time.Minute || b > -59*time.Minute {
		t.Errorf("off by %v, then %v", a, b)
	}
	if rs := reports(t, Faults{Clock: ClockAbsent}, func(_ [][]byte, n int) bool { return n > 60 }); len(rs) > 0 {
		t.Error("there are sender reports")
	}
	for _, b := range reports(t, Faults{SlowVideo: time.Hour}, two) {
		if d := off(b); d < -time.Hour-patience || d > -time.Hour+patience {
			t.Errorf("a picture an hour old is %v old", -d)
		}
	}
	for _, b := range reports(t, Faults{BadRTCP: true}, two) {
		if _, err := rtcp.Unmarshal(b); err == nil {
			t.Error("RTCP can be parsed")
		}
	}
}

// TestJunk finds the frames again behind whatever comes before them.
func TestJunk(t *testing.T) {
	t.Parallel()
	for kind, allowed := range map[Junk]func(b byte) bool{
		JunkLines:   func(b byte) bool { return b == '\r' || b == '\n' },
		JunkNoise:   func(b byte) bool { return b < 0x20 || b >= 0x80 },
		JunkDollars: func(b byte) bool { return b < 0x20 || b >= 0x80 || b == '$' },
	} {
		c := dial(t, serve(t, Faults{Junk: kind}).Addr().String())
		c.play()
		dollars, lines, junk := 0, 0, 0
		for found := 0; found < 60; {
			head, err := c.br.Peek(6)
			if err != nil {
				t.Fatal(err)
			}
			if head[0] == '$' && head[1] < 2 && head[4]&0xc0 == 0x80 {
				c.frame()
				found++
				continue
			}
			if !allowed(head[0]) {
				t.Fatalf("%v: %q between frames", kind, head)
			}
			switch head[0] {
			case '$':
				dollars++
			case '\n':
				lines++
			}
			junk++
			_, _ = c.br.Discard(1)
		}
		if lines == 0 || junk < 50 || (dollars > 0) != (kind == JunkDollars) {
			t.Errorf("%v: %d bytes of junk, %d lines, %d dollars", kind, junk, lines, dollars)
		}
	}
}

func TestStrays(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, Faults{Strays: true}).Addr().String())
	c.play()
	var channel, payloadType, good int
	for good < 40 {
		f := c.frame()
		switch {
		case f.channel == 200:
			channel++
		case f.channel == 0 && f.payload[1]&0x7f == 50:
			payloadType++
		case f.channel == 0:
			good++
		}
	}
	if channel < 5 || payloadType < 5 {
		t.Errorf("%d on a strange channel, %d of a strange type", channel, payloadType)
	}
}

// TestSecondVideo plays two videos and metadata at once.
func TestSecondVideo(t *testing.T) {
	s := serve(t, Faults{SecondClip: "360p-main", Metadata: true})
	c := dial(t, s.Addr().String())
	a := c.want(200, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1") // metadata
	c.sess = a.header.Get("Session")
	c.want(200, "SETUP", c.url+"/trackID=1", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3")
	c.want(200, "SETUP", c.url+"/trackID=2", "Transport: RTP/AVP/TCP;unicast;interleaved=4-5")
	c.want(200, "PLAY", c.url)
	seen := map[byte]int{}
	for seen[2] < 10 || seen[4] < 10 {
		seen[c.frame().channel]++
	}
	if seen[0] > 0 {
		t.Error("metadata, which is never sent")
	}
	s.Freeze(true)
	before := s.Stats().AccessUnits
	c.want(200, "TEARDOWN", c.url)
	if after := s.Stats().AccessUnits; after < 5 || after > before+2 {
		t.Errorf("%d access units, %d before the freeze", after, before)
	}
}
