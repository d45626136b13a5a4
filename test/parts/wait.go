package parts

import (
	"errors"
	"testing"
	"time"
)

// A hopeless error tells Eventually that waiting on will not help.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// Hopeless marks an error that no further waiting can mend.
func Hopeless(err error) error { return hopeless{err} }

// Eventually waits until cond returns nil and fails the test if that takes
// longer than limit. It returns the time it took.
func Eventually(t testing.TB, limit time.Duration, what string, cond func() error) time.Duration {
	t.Helper()
	start := time.Now()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return time.Since(start)
		}
		if errors.As(err, new(hopeless)) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		case <-tick.C:
		}
	}
}

// Pause lets the parts run for d, which is what is measured over.
func Pause(d time.Duration) {
	<-time.After(d)
}
