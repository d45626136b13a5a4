package presence

import (
	"context"
	"math/rand/v2"
	"time"
)

// pace is when a room is to be asked.
type pace struct {
	interval time.Duration
	began    time.Time // of the last question
	took     time.Duration
	failures int // in a row
}

// done takes an answer into account. It returns true when asking has begun to fail
// or has ceased to.
func (p *pace) done(began, now time.Time, err error) bool {
	p.began, p.took = began, now.Sub(began)
	failed := p.failures > 0
	p.failures++
	if err == nil {
		p.failures = 0
	}
	return failed != (err != nil)
}

// next is how long to wait before the next question.
func (p *pace) next() time.Duration {
	d := max(p.interval, idleShare*p.took)
	for range p.failures {
		d *= 2
		if d >= slowest {
			break
		}
	}
	return min(d, max(slowest, p.interval))
}

// earliest is when it may be asked if somebody is in a hurry.
func (p *pace) earliest() time.Time {
	gap := max(hurryGap, idleShare*p.took)
	for range min(p.failures, 8) {
		gap *= 2
	}
	return p.began.Add(min(gap, p.next()))
}

// jittered is d, up to a tenth longer or shorter.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
