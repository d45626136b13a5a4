//go:build full

package parts

import "time"

// The full tier runs by hand, on a machine that does nothing else: there limits are what
// is promised.

// Patient is how long to wait for what is due within limit.
func Patient(limit time.Duration) time.Duration { return limit }

// Soon is how long may have been taken for what is to take limit at most.
func Soon(limit time.Duration) time.Duration { return limit }
