package publisher

import "time"

// slot is the grid on which what cameras do every second is done: a hundred cameras
// then wake the program up four times a second for it, not a hundred times, which is
// most of what an idle site costs.
const slot = 250 * time.Millisecond

// together is how long to wait for about d, so that it ends on the grid.
func together(now time.Time, d time.Duration) time.Duration {
	return max(now.Add(d).Round(slot).Sub(now), 0)
}
