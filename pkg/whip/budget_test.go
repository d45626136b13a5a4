package whip

import (
	"testing"
	"time"
)

// storm asks for a packet of 1,200 bytes every 50 us, for so long, beside a stream at a
// rate, and returns the bits a second that were sent again.
func storm(stream int, length time.Duration) int {
	var b budget
	start := time.Unix(1000, 0)
	sent, again := uint64(0), 0
	const step = 50 * time.Microsecond
	left := 0.0
	for now := start; now.Sub(start) < length; now = now.Add(step) {
		left += float64(stream) / 8 * step.Seconds()
		if left >= 1200 {
			left -= 1200
			sent += 1200
		}
		if b.allows(sent, now) {
			b.spend(1200, now)
			sent += 1200
			again += 1200
		}
	}
	return rateFor(again, length)
}

func TestBudget(t *testing.T) {
	for _, c := range []struct{ stream, least, most int }{
		{500_000, 10_000_000, 12_500_000},
		{4_000_000, 10_000_000, 12_500_000},
		{20_000_000, 36_000_000, 45_000_000},
	} {
		if got := storm(c.stream, 10*time.Second); got < c.least || got > c.most {
			t.Errorf("beside %d bit/s, %d are sent again", c.stream, got)
		}
	}
	// A key frame of 1.2 MB that is lost as a whole comes again at once.
	var b budget
	now := time.Unix(1000, 0)
	for i := range 1000 {
		if !b.allows(1_200_000, now) {
			t.Fatalf("%d packets", i)
		}
		b.spend(1200, now)
	}
}
