package whip

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestNTPTime(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want uint64
	}{
		{time.Unix(0, 0), 2208988800 << 32},
		{time.Unix(1, 500_000_000), 2208988801<<32 | 1<<31},
		{time.Unix(0, 250_000_000), 2208988800<<32 | 1<<30},
	} {
		if got := ntpTime(c.at); got != c.want {
			t.Errorf("%v: %x, want %x", c.at, got, c.want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	sent := time.Unix(1_700_000_000, 0)
	lsr := uint32(ntpTime(sent) >> 16)
	for _, c := range []struct {
		name    string
		arrived time.Duration
		report  rtcp.ReceptionReport
		want    time.Duration
	}{
		{"plain", 250 * time.Millisecond, rtcp.ReceptionReport{LastSenderReport: lsr, Delay: 1 << 13}, 125 * time.Millisecond},
		{"no sender report seen", time.Second, rtcp.ReceptionReport{}, 0},
		{"negative", time.Second, rtcp.ReceptionReport{LastSenderReport: lsr, Delay: 2 << 16}, 0},
		{"absurd", time.Hour, rtcp.ReceptionReport{LastSenderReport: lsr}, 0},
	} {
		if got := roundTrip(sent.Add(c.arrived), c.report); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSentLine(t *testing.T) {
	l := sentLine{clock: steadyClock{rate: 90000}}
	start := time.Unix(1_700_000_000, 0)
	if _, ok := l.report(1, start); ok {
		t.Error("a report before the first packet")
	}
	l.observe(1000, start)
	l.count(10)
	l.observe(1000, start.Add(30*time.Millisecond)) // the same picture, sent over some time
	l.count(20)
	sr, ok := l.report(1, start.Add(time.Second))
	if !ok || sr.RTPTime != 91000 || sr.PacketCount != 2 || sr.OctetCount != 30 {
		t.Errorf("%+v", sr)
	}
	// A packet sent a moment after the time of the report was taken.
	if sr, _ = l.report(1, start.Add(-10*time.Millisecond)); sr.RTPTime != 100 {
		t.Errorf("RTP time %d of a report before the newest packet", sr.RTPTime)
	}
	l.delay = 200 * time.Millisecond
	if sr, _ = l.report(1, start); sr.RTPTime != 1000+18000 {
		t.Errorf("RTP time %d of a track that comes 200 ms late", sr.RTPTime)
	}
	l.delay = 0
	// A camera that is away for a day: the clock runs on, modulo 2^32.
	sr, _ = l.report(1, start.Add(24*time.Hour))
	if want := uint32((1000 + 24*3600*90000) % (1 << 32)); sr.RTPTime != want {
		t.Errorf("RTP time %d, want %d", sr.RTPTime, want)
	}
}

func TestReceptionReports(t *testing.T) {
	s := &Session{client: &Client{}}
	track := newLocalTrack(0, Video)
	track.ssrc, track.chosen.ClockRate = 5, 90000
	s.handleRTCP(track, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
		{SSRC: 4, FractionLost: 255, TotalLost: 9},
		{SSRC: 5, FractionLost: 64, TotalLost: 1<<24 - 2, Jitter: 900},
	}}, time.Now())
	r := track.remote.Load()
	if r == nil || r.fractionLost != 0.25 || r.lost != -2 || r.jitter != 10*time.Millisecond {
		t.Errorf("%+v", r)
	}
}
