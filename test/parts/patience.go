//go:build !full

package parts

import "time"

// The ordinary tier runs on whatever machine is at hand, however slow and busy. It shows
// that things happen; how soon they do is for the full tier to tell.

// Patient is how long to wait for what is due within limit.
func Patient(limit time.Duration) time.Duration { return max(limit, time.Minute) }

// Soon is how long may have been taken for what is to take limit at most.
func Soon(limit time.Duration) time.Duration { return 2 * limit }
