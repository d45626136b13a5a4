package keyframe

import (
	"errors"
	"slices"
	"time"
)

// verdict is what is known of a way.
type verdict int

const (
	untried verdict = iota
	honoured
	ignored // asked, or not known to the camera, and no IDR came
	away    // could not be reached
	refused // not to be asked again
)

// trial is a way's record.
type trial struct {
	way     Way
	verdict verdict
	failed  int       // times in a row, of one that was honoured or could not be reached
	doubted int       // trials that proved nothing
	proven  bool      // of one that was honoured: it cannot have been chance
	until   time.Time // left alone until then; zero, where it was ignored: for good
}

// credit notes that a key frame came for the asking. Where nobody knows when one
// was due, the first may have come by chance.
func (c *Chooser) credit(t *trial, at time.Time, dueLater bool) {
	if t.way.free() && !c.long(at) {
		return // it was not waited for
	}
	t.proven = t.proven || dueLater || t.verdict == honoured
	t.verdict, t.failed, t.doubted = honoured, 0, 0
	switch {
	case t.way == Session:
		t.until = c.askedAt.Add(sessionPause)
	case t.proven:
		t.until = time.Time{}
	default:
		t.until = at.Add(patience) // not to take one key frame for another
	}
	c.delay = at.Sub(c.askedAt)
}

// winner is the way that is honoured, -1 if none is known.
func (c *Chooser) winner() int {
	return slices.IndexFunc(c.trials, func(t trial) bool { return t.verdict == honoured })
}

// best is the way to ask without trying others: what was honoured, or what a
// person has chosen, who knows better; -1 if there is none.
func (c *Chooser) best() int {
	if i := c.winner(); i >= 0 || !c.fixed {
		return i
	}
	if i := slices.IndexFunc(c.trials, func(t trial) bool { return t.verdict == untried || t.verdict == away }); i >= 0 {
		return i
	}
	return slices.IndexFunc(c.trials, func(t trial) bool { return t.verdict == ignored })
}

// untried is the next way to try, -1 if there is none.
func (c *Chooser) untried(now time.Time) int {
	for i, t := range c.trials {
		rested := !t.until.IsZero() && !now.Before(t.until)
		if t.verdict == untried || (t.verdict == away || t.verdict == ignored) && rested {
			return i
		}
	}
	return -1
}

// Sent says that the way being asked now sends its request. Until then it has only
// found out where to.
func (c *Chooser) Sent(now time.Time) {
	if c.busy >= 0 {
		c.askedAt, c.sent = now, true
	}
}

// Done says how the asking went.
func (c *Chooser) Done(now time.Time, err error) {
	i := c.busy
	c.busy = -1
	if i < 0 {
		return
	}
	t := &c.trials[i]
	switch {
	case errors.Is(err, ErrRefused):
		t.verdict = refused
		if c.refused++; c.refused >= refusals {
			c.refuseAll()
		}
		return
	case errors.Is(err, ErrUnsupported):
		t.verdict, t.until = ignored, time.Time{}
		return
	case err != nil && t.verdict != honoured:
		t.leave(now)
		if c.fixed {
			t.until = now.Add(fixedPause)
		}
		return
	}
	if c.answered() {
		return // the key frame was quicker than the answer
	}
	if t.way.free() && c.offhand && !c.trying(i, now) {
		c.nudged = t.verdict != ignored
		return
	}
	c.waiting, c.deadline = i, now.Add(patience)
}

// answered reports that a key frame has come since somebody was asked.
func (c *Chooser) answered() bool { return c.sent && c.lastKey.After(c.askedAt) }

// trying reports that a way is asked to see what comes of it, or because it works.
func (c *Chooser) trying(i int, now time.Time) bool {
	v := c.trials[i].verdict
	return c.long(now) && (v == untried || v == honoured || c.fixed)
}

func (c *Chooser) refuseAll() {
	for i := range c.trials {
		if c.trials[i].way.private() && c.trials[i].verdict != honoured {
			c.trials[i].verdict = refused
		}
	}
}

// fail notes that nothing came of the way that was asked.
func (c *Chooser) fail(now time.Time) {
	t := &c.trials[c.waiting]
	c.waiting = -1
	if t.verdict == honoured && t.proven && !c.fixed {
		if t.failed++; t.failed < chances {
			return
		}
		t.failed, t.proven = 0, false
		t.leave(now) // the camera may have stood still; it is not forgotten
		return
	}
	t.verdict, t.failed, t.proven, t.until = ignored, 0, false, now.Add(forgive)
}

// leave leaves a way alone for a while, each time for longer.
func (t *trial) leave(now time.Time) {
	t.verdict, t.until = away, now.Add(min(again<<min(t.failed, 10), forgive))
	t.failed++
}
