package publisher

import (
	"context"
	"math/rand/v2"
	"time"
)

// The pace of retries. Passing faults are retried soon, because a camera that
// reboots or a server that restarts should be back within seconds. Faults that
// only a person can mend are retried rarely, because cameras lock accounts
// after a few wrong passwords and a wrong stream key does not heal.
const (
	passingFirst = 500 * time.Millisecond
	passingMax   = 5 * time.Second
	// passingMany failures in a row, of half a minute as a rule, are no restart any
	// more. From then on waits are half a limit at least: a hundred cameras that are
	// all down take half a percent of a core.
	passingMany = 12
	slowFirst   = 10 * time.Second
	slowMax     = 2 * time.Minute
	// retryAfterMax bounds what a server may ask for: a typo in its
	// configuration must not silence a camera for a day.
	retryAfterMax = 5 * time.Minute
)

// backoff counts the failures in a row of one side and says how long to wait.
type backoff struct {
	passing, slow int
	rand          func() float64 // 0 <= x < 1; replaced in tests
}

func newBackoff() *backoff { return &backoff{rand: rand.Float64} }

// reset is for stable media only: a server that accepts and then drops every
// session must not be asked at full pace for ever.
func (b *backoff) reset() { b.passing, b.slow = 0, 0 }

// next returns how long to wait after a failure. Passing faults use full
// jitter (0..limit), so that a hundred cameras behind one switch do not come
// back in step; slow ones, and passing ones in the long run, keep at least half of
// the limit.
func (b *backoff) next(f Fault) time.Duration {
	var d time.Duration
	if f.Slow {
		limit := doubled(slowFirst, b.slow, slowMax)
		b.slow++
		d = limit/2 + time.Duration(b.rand()*float64(limit/2))
	} else {
		limit := doubled(passingFirst, b.passing, passingMax)
		if b.passing >= passingMany {
			d = limit / 2
		}
		b.passing++
		d += time.Duration(b.rand() * float64(limit-d))
	}
	return max(d, min(f.RetryAfter, retryAfterMax))
}

// doubled is first * 2^n, at most limit.
func doubled(first time.Duration, n int, limit time.Duration) time.Duration {
	d := first
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// sleep waits for d or until ctx ends, and says whether the time passed.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
