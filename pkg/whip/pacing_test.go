package whip

import (
	"testing"
	"time"
)

func TestPacingDefaults(t *testing.T) {
	for _, c := range []struct {
		in   Pacing
		want time.Duration
		ok   bool
	}{
		{Pacing{}, 2 * time.Second, true},
		{Pacing{Rate: 7_000_000}, 2 * time.Second, true},
		{Pacing{Auto: true}, 500 * time.Millisecond, true},
		{Pacing{Auto: true, MaxDelay: time.Second}, time.Second, true},
		{Pacing{Auto: true, Rate: 1_000_000}, 0, false},
		{Pacing{Rate: -1}, 0, false},
		{Pacing{Rate: 49_999}, 0, false},
		{Pacing{Rate: 1_000_000, MaxDelay: -1}, 0, false},
	} {
		got, err := c.in.withDefaults()
		if (err == nil) != c.ok || (c.ok && got.MaxDelay != c.want) {
			t.Errorf("%+v: %+v, %v", c.in, got, err)
		}
	}
}

func TestBucket(t *testing.T) {
	const rate = 8_000_000 // a byte a microsecond
	start := time.Unix(1000, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	for _, c := range []struct {
		name  string
		spend []struct {
			at   time.Duration
			size int
		}
		now  time.Duration
		want time.Duration // to wait
	}{
		{name: "fresh, long unused", now: 0, want: -5 * time.Millisecond, spend: []struct {
			at   time.Duration
			size int
		}{{0, 0}}},
		{name: "one packet out of the slack", now: 0, want: -4 * time.Millisecond, spend: []struct {
			at   time.Duration
			size int
		}{{0, 1000}}},
		{name: "more than the slack", now: 0, want: 5 * time.Millisecond, spend: []struct {
			at   time.Duration
			size int
		}{{0, 10000}}},
		{name: "paid off", now: 5 * time.Millisecond, want: 0, spend: []struct {
			at   time.Duration
			size int
		}{{0, 10000}}},
		{name: "no more than the slack is kept", now: time.Second, want: -4 * time.Millisecond, spend: []struct {
			at   time.Duration
			size int
		}{{0, 10000}, {time.Second, 1000}}},
		{name: "what is kept is spent", now: 7 * time.Millisecond, want: -time.Millisecond, spend: []struct {
			at   time.Duration
			size int
		}{{0, 10000}, {7 * time.Millisecond, 1000}}},
	} {
		var b bucket
		for _, s := range c.spend {
			b.spend(s.size, rate, at(s.at), 5*time.Millisecond)
		}
		if got := b.wait(at(c.now)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Over any span, a bucket that is always made use of lets through its rate and the
// slack.
func TestBucketKeepsTheRate(t *testing.T) {
	for _, rate := range []int{64_000, 7_000_000, 100_000_000} {
		var b bucket
		now, sent := time.Unix(1000, 0), 0
		for range 2000 {
			for b.wait(now) <= 0 {
				b.spend(1228, rate, now, pacingCatchUp)
				sent += 1228
			}
			now = now.Add(pacingRun)
		}
		took := now.Sub(time.Unix(1000, 0))
		most := rate/8*int(took+pacingCatchUp+pacingRun)/int(time.Second) + 1228
		if least := rate / 8 * int(took-pacingRun) / int(time.Second); sent < least || sent > most {
			t.Errorf("%d bit/s: %d bytes in %v", rate, sent, took)
		}
	}
}

func TestRates(t *testing.T) {
	for _, c := range []struct {
		size, rate int
		d          time.Duration
	}{
		{300_000, 7_000_000, 342_857_142},
		{1228, 50_000, 196_480 * time.Microsecond},
		{4 << 20, 67_108_864, 500 * time.Millisecond},
	} {
		if got := duration(c.size, c.rate); got != c.d {
			t.Errorf("%d bytes at %d: %v", c.size, c.rate, got)
		}
		if got := rateFor(c.size, c.d); got < c.rate || got > c.rate+1 {
			t.Errorf("%d bytes in %v: %d", c.size, c.d, got)
		}
	}
	if duration(1, 0) <= 0 || rateFor(1, 0) <= 0 {
		t.Error("a division by zero counts for nothing")
	}
}

func TestMeter(t *testing.T) {
	var m meter
	start := time.Unix(1000, 0)
	if m.rate(start) != 0 {
		t.Error("a rate before the first byte")
	}
	m.add(100_000, start)
	if got := m.rate(start); got != 800_000 {
		t.Errorf("%d at once", got)
	}
	if got := m.rate(start.Add(2 * time.Second)); got != 400_000 {
		t.Errorf("%d after 2 s", got)
	}
	// 3 Mb/s: a key frame of 300 kB every 2 s, small pictures between.
	m = meter{}
	now := start
	for i := range 500 { // 20 s
		size := 450_000 / 49
		if i%50 == 0 {
			size = 300_000
		}
		m.add(size, now)
		now = now.Add(40 * time.Millisecond)
		if i > 150 {
			if got := m.rate(now); got < 2_300_000 || got > 3_700_000 {
				t.Fatalf("%d bit/s after %v", got, now.Sub(start))
			}
		}
	}
	// Silence for a while, and for longer than an int of parts would bear.
	if got := m.rate(now.Add(2 * time.Second)); got < 500_000 || got > 2_000_000 {
		t.Errorf("%d after 2 s of silence", got)
	}
	if got := m.rate(now.Add(100 * time.Hour)); got != 0 {
		t.Errorf("%d after silence", got)
	}
}

func TestLongest(t *testing.T) {
	var l longest
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	l.note(30, at(0))
	l.note(10, at(1))
	if got := l.get(at(4)); got != 30 {
		t.Errorf("%d", got)
	}
	l.note(20, at(6))
	if got := l.get(at(9)); got != 30 {
		t.Errorf("%d after 9 s", got)
	}
	if got := l.get(at(11)); got != 20 {
		t.Errorf("%d after 11 s", got)
	}
	if got := l.get(at(30)); got != 0 {
		t.Errorf("%d after 30 s", got)
	}
}
