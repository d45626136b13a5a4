package keyframe

import (
	"fmt"
	"time"
)

// Status is what is known of how a camera is asked.
type Status struct {
	Way   Way           // that is honoured; "" while none is known
	Delay time.Duration // from asking to the key frame, the last time; 0 while unknown
	Asks  uint64        // requests sent to the camera, in any way
	GOP   time.Duration // between key frames that come by themselves; 0 while unknown
	// Problem says in one sentence that nothing helps, and what to set at the
	// camera; "" while there is hope, or no need.
	Problem string
}

// Status may be asked for at any time.
func (c *Chooser) Status(now time.Time) Status {
	s := Status{Asks: c.asks, GOP: c.gop}
	if i := c.winner(); i >= 0 {
		if c.trials[i].proven {
			s.Way, s.Delay = c.trials[i].way, c.delay
		}
		return s
	}
	// What is lost on the way, or a camera that paused, makes single intervals longer:
	// nobody is to change a setting for that.
	apart := c.recent.least()
	if c.gop <= longGOP || apart <= longGOP || len(c.trials) == 0 {
		return s
	}
	denied := false
	for _, t := range c.trials {
		if t.verdict == untried {
			return s
		}
		denied = denied || t.verdict == refused
	}
	s.Problem = fmt.Sprintf("the camera sends a key frame every %.0f seconds and none when asked, and viewers wait that long for a picture: "+
		"set its key frame interval (GOP) to 1 to 2 seconds", apart.Seconds())
	if denied {
		s.Problem += ", or give the account the right to use its web interface or ONVIF"
	}
	return s
}

// intervals are the last few between key frames; zero: none yet.
type intervals [3]time.Duration

func (v *intervals) add(d time.Duration) { v[0], v[1], v[2] = d, v[0], v[1] }

// least is the shortest of them.
func (v *intervals) least() time.Duration {
	least := v[0]
	for _, d := range v[1:] {
		if d > 0 {
			least = min(least, d)
		}
	}
	return least
}
