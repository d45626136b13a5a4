package whip

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// Figures of RFC 8083 section 4.3, by hand.
func TestCongestionIntervals(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, c := range []struct {
		tf, tr, tdr, td time.Duration
		want            int
	}{
		{ms(40), ms(50), 5 * time.Second, 5 * time.Second, 3},
		{ms(40), ms(50), time.Second, 5 * time.Second, 3},
		{ms(200), ms(50), 100 * time.Millisecond, 5 * time.Second, 20},
		{ms(40), ms(2000), 5 * time.Second, 5 * time.Second, 3},
		{ms(40), ms(2000), time.Second, 5 * time.Second, 15},
	} {
		if got := congestionIntervals(c.tf, c.tr, c.tdr, c.td); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestTCPRate(t *testing.T) {
	for _, c := range []struct {
		packet float64
		rtt    time.Duration
		loss   float64
		want   float64
	}{
		{1200, 50 * time.Millisecond, 0.1, 743_613},
		{1200, 50 * time.Millisecond, 0.01, 2_351_510},
		{1200, 200 * time.Millisecond, 0.02, 415_692},
		{1200, 50 * time.Millisecond, 0, math.Inf(1)},
		{1200, 0, 0.1, math.Inf(1)},
	} {
		got := tcpRate(c.packet, c.rtt, c.loss)
		if math.IsInf(c.want, 1) != math.IsInf(got, 1) || math.Abs(got-c.want) > 1 {
			t.Errorf("%+v: %.0f", c, got)
		}
	}
}

// play plays a sender at a rate over a network to a server that reports each second,
// and returns when and why the breaker has tripped.
func play(length time.Duration, rate float64, rtt time.Duration, at func(second int) (sends bool, loss float64, reports, arrives bool)) (time.Duration, error) {
	var b breaker
	start := time.Unix(1000, 0)
	const packet = 1200.0
	perSecond := uint64(rate / 8 / packet)
	var sent sentCount
	highest := uint32(math.MaxUint32 - 5000) // wraps
	for i := range int(length / time.Second) {
		now := start.Add(time.Duration(i) * time.Second)
		sends, loss, reports, arrives := at(i)
		if sends {
			sent.packets += perSecond
			sent.bytes += perSecond * packet
			if arrives {
				highest += uint32(perSecond)
			}
		}
		if reports {
			b.report(highest, loss, sent, now)
		}
		if err := b.check(sent, rtt, now.Add(time.Millisecond)); err != nil {
			return now.Sub(start), err
		}
	}
	return 0, nil
}

func TestBreaker(t *testing.T) {
	lossy := func(loss float64) func(int) (bool, float64, bool, bool) {
		return func(int) (bool, float64, bool, bool) { return true, loss, true, true }
	}
	ms := time.Millisecond
	for _, c := range []struct {
		name     string
		rate     float64
		rtt      time.Duration
		at       func(int) (sends bool, loss float64, reports, arrives bool)
		from, to time.Duration // when it trips; zeros for never
		want     string
	}{
		{"all well", 4e6, 50 * ms, lossy(0), 0, 0, ""},
		{"2 % for good", 4e6, 50 * ms, lossy(0.02), 0, 0, ""},
		{"10 % for good, near", 4e6, 30 * ms, lossy(0.1), 0, 0, ""},
		{"10 % for five seconds, far", 4e6, 200 * ms, func(i int) (bool, float64, bool, bool) {
			if i%60 < 5 {
				return true, 0.1, true, true
			}
			return true, 0, true, true
		}, 0, 0, ""},
		{"5 % for good, a little far", 2e6, 100 * ms, lossy(0.05), 0, 0, ""},
		{"30 % for good, far: the network is full", 4e6, 200 * ms, lossy(0.3), 15 * time.Second, 17 * time.Second, "does not carry 4.0 Mb/s: 30 %"},
		{"without a round-trip time", 4e6, 0, lossy(0.3), 0, 0, ""},
		{"a server that never reports", 4e6, 50 * ms, func(int) (bool, float64, bool, bool) { return true, 0, false, true }, 0, 0, ""},
		{"reports end", 4e6, 50 * ms, func(i int) (bool, float64, bool, bool) { return true, 0, i < 20, true }, 33 * time.Second, 36 * time.Second, "no receiver report for 15s"},
		{"reports end with what is sent", 4e6, 50 * ms, func(i int) (bool, float64, bool, bool) { return i < 20, 0, i < 20, true }, 0, 0, ""},
		{"and come back with it", 4e6, 50 * ms, func(i int) (bool, float64, bool, bool) {
			on := i < 20 || i > 80
			return on, 0, on && i != 81, true
		}, 0, 0, ""},
		{"nothing arrives any more", 4e6, 50 * ms, func(i int) (bool, float64, bool, bool) { return true, 0, true, i < 20 }, 24 * time.Second, 27 * time.Second, "no packet has arrived for 5s"},
		{"nothing is sent any more", 4e6, 50 * ms, func(i int) (bool, float64, bool, bool) { return i < 20, 0, true, true }, 0, 0, ""},
		{"nothing arrives for four seconds", 4e6, 50 * ms, func(i int) (bool, float64, bool, bool) { return true, 0, true, i%20 > 4 }, 0, 0, ""},
	} {
		at, err := play(3*time.Minute, c.rate, c.rtt, c.at)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: after %v: %v", c.name, at, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || at < c.from || at > c.to):
			t.Errorf("%s: after %v: %v", c.name, at, err)
		}
	}
}

// A server that begins to count anew, and another path, are no reason to end anything.
func TestBreakerStartsAnew(t *testing.T) {
	var b breaker
	now := time.Unix(1000, 0)
	sent := sentCount{}
	for i := range 60 {
		sent.packets += 400
		sent.bytes += 400 * 1200
		highest := uint32(1<<20 + i*400)
		if i > 30 {
			highest = uint32(i * 400)
		}
		b.report(highest, 0, sent, now)
		if err := b.check(sent, 50*time.Millisecond, now); err != nil {
			t.Fatalf("after %d s: %v", i, err)
		}
		now = now.Add(time.Second)
	}
	for range 4 { // on the verge
		sent.packets += 400
		b.report(60*400, 0, sent, now)
		now = now.Add(time.Second)
	}
	b.reset()
	for range 60 {
		sent.packets += 400
		now = now.Add(time.Second)
		if err := b.check(sent, 50*time.Millisecond, now); err != nil {
			t.Fatal(err)
		}
	}
}

// A session whose server reports that nothing arrives ends, is deleted, and says so.
func TestBreakerEndsTheSession(t *testing.T) {
	t.Parallel()
	server := whiptest.NewServer(t, whiptest.Config{NoReports: true})
	s := publish(t, server, Config{}, videoTrack)
	pump(t, s, 0, 500)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 5)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(testWait)
	defer limit.Stop()
	for s.Err() == nil {
		select {
		case <-tick.C:
			_ = peer.WriteRTCP(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{
				{SSRC: s.Stats().Tracks[0].SSRC, LastSequenceNumber: 7}}})
		case <-limit.C:
			t.Fatal("the session goes on")
		}
	}
	var e *Error
	if !errors.As(s.Err(), &e) || !strings.Contains(e.Error(), "no packet has arrived") || e.Hint() == "" || e.Slow() {
		t.Errorf("%v", s.Err())
	}
	server.WaitRequests(t, "DELETE", 1)
}

// What ends for congestion is not made anew at once.
func TestCongestionPauses(t *testing.T) {
	track := newLocalTrack(0, Video)
	track.breaker.tripped = &congestionError{4e6, 0.3, 15 * time.Second}
	client, err := New(Config{Endpoint: "https://h/w"})
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{client: client, tracks: []*localTrack{track}}
	s.rtt.Store(1)
	var e *Error
	if err := s.tripped(time.Now()); !errors.As(err, &e) || e.RetryAfter() != congestionPause || !strings.Contains(e.Hint(), "bit rate") ||
		e.Error() != "session https://h/w: video: the network does not carry 4.0 Mb/s: 30 % of the packets were lost for 15s" {
		t.Errorf("%v", err)
	}
}
