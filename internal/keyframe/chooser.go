package keyframe

import (
	"slices"
	"time"
)

const (
	// longGOP is the interval above which ways other than RTCP are worth their
	// price: 2 s, and what clocks and networks add to it.
	longGOP = 2500 * time.Millisecond
	// patience is how long after being asked a camera may take. Those that obey
	// take a tenth of it.
	patience = time.Second
	// margin is by how much an IDR must come before its turn to be an answer.
	margin = 300 * time.Millisecond
	// chances is how often in a row the way that was honoured may fail.
	chances = 2
	// doubts is how often a trial may end with an IDR that was due anyway.
	doubts = 3
	// refusals is how many ways may be refused before none is asked that needs
	// the account: cameras lock accounts after three to seven wrong tries.
	refusals = 2
	// again is how long a way is left alone that could not be reached, at first;
	// each time twice as long, up to forgive.
	again = time.Minute
	// forgive is after how long a way of which nothing came is tried once more: a
	// lost packet may have been the reason, or the camera has new firmware.
	forgive = time.Hour
	// fixedPause is how long the one way that a person has chosen is left alone when
	// it cannot be reached.
	fixedPause = 10 * time.Second
	// sessionPause is the least time between two sessions opened for their IDR.
	sessionPause = 3 * time.Second
)

// Chooser decides how a camera is asked. It has no clock and starts nothing: every
// method is told the time. It is not safe for concurrent use.
type Chooser struct {
	trials  []trial
	fixed   bool // one way was chosen by a person
	refused int

	began   time.Time     // of the session
	lastKey time.Time     // zero: none in this session yet
	gop     time.Duration // between two key frames of which the second was not asked for; 0: unknown
	recent  intervals     // the last of those
	nudged  bool          // a way was asked since the last one whose effect is not known

	wanted   time.Time // since when a key frame is wanted; zero: none is
	curious  bool      // one was wanted once, so that it is worth while to know how to ask
	offhand  bool      // somebody was asked for it of whom nothing is expected
	turn     bool      // FIR is next to be sent in that way
	busy     int       // index of the way being asked; -1
	waiting  int       // index of the way whose answer is waited for; -1
	sent     bool      // the request itself, by the way being asked
	askedAt  time.Time
	deadline time.Time // for the answer
	asks     uint64
	delay    time.Duration // from asking to the IDR, the last time
}

// NewChooser takes the ways that this camera has.
func NewChooser(ways []Way, fixed bool) *Chooser {
	c := &Chooser{fixed: fixed, busy: -1, waiting: -1}
	for _, w := range order {
		if slices.Contains(ways, w) {
			c.trials = append(c.trials, trial{way: w})
		}
	}
	return c
}

// Begin says that a session plays. What is known of the camera stays.
func (c *Chooser) Begin(now time.Time) {
	c.began, c.lastKey = now, time.Time{}
	c.busy, c.waiting = -1, -1
	c.nudged, c.offhand = false, false
}

// End says that the session is over. A second session that was being opened may
// have been the reason: some cameras give one reader up for the next.
func (c *Chooser) End() {
	for _, i := range []int{c.busy, c.waiting} {
		if i >= 0 && c.trials[i].way == Session && c.trials[i].verdict != honoured {
			c.trials[i].verdict = refused
		}
	}
	c.wanted, c.busy, c.waiting = time.Time{}, -1, -1
}

// Want says that a receiver can show nothing until the next key frame.
func (c *Chooser) Want(now time.Time) {
	c.curious = true
	if c.wanted.IsZero() {
		c.wanted = now
		c.offhand = false
	}
}

// wonder goes on to look for a way when the key frame that was wanted has come by
// itself: the next viewer is not to wait for the search. It returns when to look
// again.
func (c *Chooser) wonder(now time.Time) time.Time {
	left := slices.ContainsFunc(c.trials, func(t trial) bool { return t.verdict == untried })
	if !c.curious || c.fixed || c.winner() >= 0 || !left || c.gop > 0 && c.gop <= longGOP {
		return time.Time{}
	}
	if !c.long(now) {
		return c.since().Add(longGOP + time.Millisecond)
	}
	c.Want(now)
	return time.Time{}
}

// Arrived says that a key frame has come, which began to arrive at that time.
func (c *Chooser) Arrived(at time.Time) {
	asked := max(c.busy, c.waiting) // at most one of them is a way
	inTime := asked >= 0 && c.sent && at.After(c.askedAt) && (c.deadline.IsZero() || at.Before(c.deadline))
	due := time.Time{}
	if c.gop > 0 && !c.lastKey.IsZero() {
		due = c.lastKey.Add(c.gop)
	}
	obeyed := inTime && (due.IsZero() || at.Before(due.Add(-margin)) || at.After(due.Add(margin)))
	switch {
	case obeyed:
		c.credit(&c.trials[asked], at, !due.IsZero())
	case inTime:
		if t := &c.trials[asked]; t.verdict == untried {
			if t.doubted++; t.doubted >= doubts {
				t.verdict, t.until = ignored, at.Add(forgive)
			}
		}
	}
	if !c.lastKey.IsZero() && !obeyed && !c.nudged {
		c.gop = at.Sub(c.lastKey)
		c.recent.add(c.gop)
	}
	c.lastKey, c.nudged = at, false
	c.waiting = -1
	if !at.Before(c.wanted) {
		c.wanted = time.Time{}
	}
	if obeyed && c.trials[asked].verdict == honoured && !c.trials[asked].proven {
		c.wanted, c.offhand = at, true // ask again to make sure, and others if that fails
	}
}

// long reports that key frames are far apart, or that this one takes long.
func (c *Chooser) long(now time.Time) bool {
	return c.gop > longGOP || now.Sub(c.since()) > longGOP || c.gop == 0 && c.winner() >= 0
}

// since is when the last key frame came, or the session began.
func (c *Chooser) since() time.Time {
	if c.lastKey.IsZero() {
		return c.began
	}
	return c.lastKey
}

// Next says whom to ask now, "" for nobody, and when to look again if nothing
// happens before; zero: never. Whoever asks tells Done.
func (c *Chooser) Next(now time.Time) (ask Way, look time.Time) {
	if c.busy >= 0 {
		return "", time.Time{}
	}
	if c.wanted.IsZero() {
		if look = c.wonder(now); c.wanted.IsZero() {
			return "", look
		}
	}
	if c.waiting >= 0 {
		if now.Before(c.deadline) {
			return "", c.deadline
		}
		c.fail(now)
	}
	if !c.long(now) {
		if w := c.byTheWay(); w != "" {
			return c.start(w, now), time.Time{}
		}
		return "", c.since().Add(longGOP + time.Millisecond)
	}
	if i := c.best(); i >= 0 {
		t := &c.trials[i]
		switch {
		case now.Before(t.until) && t.verdict != ignored:
			return "", t.until
		case t.verdict != ignored:
			return c.start(t.way, now), time.Time{}
		case !c.offhand:
			c.offhand = true
			return c.start(t.way, now), time.Time{}
		}
		c.wanted = time.Time{}
		return "", time.Time{}
	}
	i := c.untried(now)
	if i < 0 {
		if w := c.byTheWay(); w != "" {
			return c.start(w, now), time.Time{}
		}
		c.wanted = time.Time{} // it comes when it comes
		return "", time.Time{}
	}
	// What comes now would prove nothing if it is due anyway.
	if due := c.lastKey.Add(c.gop); c.gop > 0 && !c.lastKey.IsZero() && now.After(due.Add(-patience)) && now.Before(due.Add(margin)) {
		return "", due.Add(margin)
	}
	return c.start(c.trials[i].way, now), time.Time{}
}

// byTheWay is PLI or FIR in turn, once for each key frame that is wanted: they cost
// nothing, and nobody waits for what comes of them.
func (c *Chooser) byTheWay() Way {
	if c.offhand {
		return ""
	}
	for range 2 {
		c.turn = !c.turn
		w := FIR
		if c.turn {
			w = PLI
		}
		if slices.ContainsFunc(c.trials, func(t trial) bool { return t.way == w && t.verdict != refused }) {
			c.offhand = true
			return w
		}
	}
	return ""
}

// start notes that a way is being asked.
func (c *Chooser) start(w Way, now time.Time) Way {
	c.busy = slices.IndexFunc(c.trials, func(t trial) bool { return t.way == w })
	c.askedAt, c.deadline, c.sent = now, time.Time{}, false
	c.asks++
	if w == Session {
		c.trials[c.busy].until = now.Add(sessionPause)
	}
	return w
}
