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
	// What has failed for longAfter is no restart. From then on waits differ by
	// passingJitter only, and grow with the number of those that wait (see outage).
	longAfter     = 30 * time.Second
	passingJitter = passingMax / 2
	slowFirst     = 10 * time.Second
	slowMax       = 2 * time.Minute
	// retryAfterMax bounds what a server may ask for: a typo in its
	// configuration must not silence a camera for a day.
	retryAfterMax = 5 * time.Minute
)

// backoff counts the failures in a row of one side and says how long to wait.
type backoff struct {
	passing, slow int
	since         time.Time      // of the first of the passing ones
	rand          func() float64 // 0 <= x < 1; replaced in tests
	outage        *outage        // of which it may be a part
	part          bool
}

func newBackoff(o *outage) *backoff { return &backoff{rand: rand.Float64, outage: o} }

// reset is for stable media only: a server that accepts and then drops every
// session must not be asked at full pace for ever.
func (b *backoff) reset() { b.passing, b.slow = 0, 0 }

// next returns how long to wait after a failure. Passing faults use full
// jitter (0..limit), so that a hundred cameras behind one switch do not come
// back in step; slow ones, and passing ones in the long run, keep a distance.
func (b *backoff) next(f Fault) time.Duration {
	var d time.Duration
	long := false
	if f.Slow {
		limit := doubled(slowFirst, b.slow, slowMax)
		b.slow++
		d = limit/2 + time.Duration(b.rand()*float64(limit/2))
	} else {
		limit := doubled(passingFirst, b.passing, passingMax)
		if b.passing == 0 {
			b.since = time.Now()
		}
		long = b.passing > 0 && time.Since(b.since) >= longAfter
		b.passing++
		d = time.Duration(b.rand() * float64(limit))
	}
	if long && f.RetryAfter == 0 {
		b.join()
	} else {
		b.leave()
	}
	if long {
		d = b.outage.wait() + time.Duration((b.rand()-0.5)*float64(passingJitter))
	}
	return max(d, min(f.RetryAfter, retryAfterMax))
}

func (b *backoff) join() {
	if !b.part {
		b.part = true
		b.outage.join()
	}
}

// leave is called when it does not wait any more, or for another reason than others.
func (b *backoff) leave() {
	if b.part {
		b.part = false
		b.outage.leave()
	}
}

// back is called when media flow again.
func (b *backoff) back() {
	if b.part {
		b.leave()
		b.outage.hurry(time.Now())
	}
}

// sleep waits for d, less if another part of the outage is back, or until ctx ends,
// and says whether to try again.
func (b *backoff) sleep(ctx context.Context, d time.Duration) bool {
	if !b.part {
		return sleep(ctx, d)
	}
	over := b.outage.ends()
	t := time.NewTimer(together(time.Now(), d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	case <-over:
	}
	b.leave()
	b.since = time.Now().Add(-longAfter / 2) // for as long again it may be quick
	return sleep(ctx, time.Duration(b.rand()*float64(hurryWithin)))
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
