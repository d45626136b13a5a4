package whip

import (
	"math/rand/v2"
	"testing"
	"time"
)

// arrivals plays a stream at 25 pictures a second whose packets come late by what the
// function says, and returns by how much the clock that reports give runs fast or slow
// from one second to the next, at most, after the given time.
func arrivals(t *testing.T, c *steadyClock, length, after time.Duration, drift float64, late func(i int) time.Duration) (worst time.Duration) {
	t.Helper()
	start := time.Unix(1_700_000_000, 0)
	ts := uint32(1<<32 - 900_000) // wraps after ten seconds
	var lastStamp uint32
	var lastAt time.Time
	next := start.Add(time.Second)
	for i := 0; i < int(length/(40*time.Millisecond)); i++ {
		sent := start.Add(time.Duration(float64(i) * float64(40*time.Millisecond) * (1 + drift)))
		now := sent.Add(late(i))
		for now.After(next) { // a report each second
			stamp := c.stamp(next)
			if !lastAt.IsZero() && next.Sub(start) > after {
				ran := time.Duration(int64(int32(stamp-lastStamp)) * int64(time.Second) / 90000)
				worst = max(worst, (ran - next.Sub(lastAt)).Abs())
			}
			lastStamp, lastAt = stamp, next
			next = next.Add(time.Second)
		}
		c.observe(ts, now)
		ts += 3600
	}
	return worst
}

func TestSteadyClock(t *testing.T) {
	for _, c := range []struct {
		name  string
		drift float64
		late  func(i int) time.Duration
		worst time.Duration // of a second
	}{
		{"even", 0, func(int) time.Duration { return 0 }, time.Millisecond},
		{"jitter of 30 ms", 0, func(int) time.Duration { return rand.N(30 * time.Millisecond) }, 6 * time.Millisecond},
		{"key frames come 200 ms late", 0, func(i int) time.Duration {
			if i%50 < 3 {
				return 200 * time.Millisecond
			}
			return rand.N(5 * time.Millisecond)
		}, 6 * time.Millisecond},
		{"a stall of 2 s each minute", 0, func(i int) time.Duration {
			if left := 50 - i%1500; left > 0 && i > 1500 {
				return time.Duration(left) * 40 * time.Millisecond
			}
			return rand.N(5 * time.Millisecond)
		}, 6 * time.Millisecond},
		{"the camera's crystal is 200 ppm slow", 200e-6, func(int) time.Duration { return rand.N(10 * time.Millisecond) }, 6 * time.Millisecond},
		{"200 ppm fast", -200e-6, func(int) time.Duration { return rand.N(10 * time.Millisecond) }, 6 * time.Millisecond},
	} {
		clock := steadyClock{rate: 90000}
		if worst := arrivals(t, &clock, 5*time.Minute, 3*time.Second, c.drift, c.late); worst > c.worst {
			t.Errorf("%s: from one report to the next the clock is off by %v", c.name, worst)
		}
	}
}

// The line is where the soonest packets are, whatever came first.
func TestSteadyClockFindsTheSoonest(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	c := steadyClock{rate: 90000}
	for i := range 250 {
		late := 20 * time.Millisecond
		if i < 10 {
			late = 300*time.Millisecond - time.Duration(i)*30*time.Millisecond // the first ones came in a heap
		}
		c.observe(uint32(i*3600), start.Add(time.Duration(i)*40*time.Millisecond+late))
	}
	now := start.Add(10 * time.Second)
	want := uint32(10*90000 - 20*90)
	if got := c.stamp(now); int32(got-want) > 90 || int32(got-want) < -90 {
		t.Errorf("%d, want %d", got, want)
	}
}

// A drift is followed within the lateness that it makes in a few seconds.
func TestSteadyClockFollowsDrift(t *testing.T) {
	c := steadyClock{rate: 90000}
	arrivals(t, &c, 10*time.Minute, 0, 300e-6, func(int) time.Duration { return rand.N(10 * time.Millisecond) })
	// The newest packet was sent 600.2 s after the first, and is late by 0 to 10 ms.
	if late := c.newest.Sub(c.at); late < -time.Millisecond || late > 16*time.Millisecond {
		t.Errorf("the newest packet is %v late", late)
	}
}

func TestSteadyClockJumps(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	c := steadyClock{rate: 90000}
	c.observe(0, start)
	// Timestamps that are ahead of their time by 2 s: a new line at once.
	c.observe(3*90000, at(time.Second))
	if got := c.stamp(at(2 * time.Second)); got != 4*90000 {
		t.Errorf("%d", got)
	}
	// Timestamps that have fallen behind for good: a new line once that is certain.
	for i := range 400 {
		d := 2*time.Second + time.Duration(i)*40*time.Millisecond
		c.observe(uint32(3*90000+i*3600), at(d+3*time.Second))
	}
	if late := c.newest.Sub(c.at); late > 10*time.Millisecond {
		t.Errorf("the newest packet is %v late", late)
	}
	// A day without packets.
	c = steadyClock{rate: 90000}
	c.observe(1000, start)
	if got, want := c.stamp(at(24*time.Hour)), uint32((1000+24*3600*90000)%(1<<32)); got != want {
		t.Errorf("%d, want %d", got, want)
	}
}
