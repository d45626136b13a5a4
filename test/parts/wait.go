package parts

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// A hopeless error tells Eventually that waiting on will not help.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// Hopeless marks an error that no further waiting can mend.
func Hopeless(err error) error { return hopeless{err} }

// Within waits until cond returns nil, for limit at most, and returns cond's
// last error.
func Within(limit time.Duration, cond func() error) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil || errors.As(err, new(hopeless)) {
			return err
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// Eventually waits until cond returns nil and fails the test if that takes longer than
// limit, as far as the tier is one that tells. It returns the time it took.
func Eventually(t testing.TB, limit time.Duration, what string, cond func() error) time.Duration {
	t.Helper()
	start := time.Now()
	if err := Within(Patient(limit), cond); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return time.Since(start)
}

// Pause lets the parts run for d, which is what is measured over.
func Pause(d time.Duration) {
	<-time.After(d)
}
