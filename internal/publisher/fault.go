package publisher

import (
	"errors"
	"time"
)

// Fault is what the publisher reads out of an error of a source or a target.
type Fault struct {
	Text       string        // one sentence fragment, fit for log and status page
	Hint       string        // what a person can do, if anything
	Slow       bool          // only a person can mend it: do not hurry
	RetryAfter time.Duration // the far end's wish, 0 if none
}

// faultOf collects what err and the errors it wraps tell about themselves.
func faultOf(err error) Fault {
	f := Fault{Text: err.Error()}
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		f.Hint = hinter.Hint()
	}
	var slow interface{ Slow() bool }
	if errors.As(err, &slow) {
		f.Slow = slow.Slow()
	}
	var after interface{ RetryAfter() time.Duration }
	if errors.As(err, &after) {
		f.RetryAfter = after.RetryAfter()
	}
	return f
}

// hinted is an error of the publisher's own with a hint for a person.
type hinted struct {
	text, hint string
	slow       bool
	barred     bool // what the camera sends must not be shown
	unfit      bool // what the camera offers cannot be shown
}

func (e *hinted) Error() string { return e.text }
func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Slow() bool    { return e.slow }
