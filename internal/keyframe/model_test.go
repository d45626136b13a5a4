package keyframe

import (
	"errors"
	"testing"
	"time"
)

var errPassing = errors.New("connection refused")

// bench is a camera and its chooser in a time of their own.
type bench struct {
	*Chooser
	t       *testing.T
	now     time.Time
	gop     time.Duration // of the camera
	next    time.Time     // its next key frame
	obeys   map[Way]time.Duration
	errs    map[Way]error
	answers time.Duration // how long an answer takes that is not an IDR
	done    time.Time     // when the one that is being given comes; zero: none is
	result  error
	asked   []Way
	idrs    []time.Time
}

func newBench(t *testing.T, gop time.Duration, obeys map[Way]time.Duration, ways ...Way) *bench {
	if len(ways) == 0 {
		ways = order
	}
	b := &bench{Chooser: NewChooser(ways, false), t: t, now: time.Unix(1000, 0), gop: gop, obeys: obeys, errs: map[Way]error{}}
	b.next = b.now.Add(gop / 3) // joined in mid-GOP
	b.Begin(b.now)
	return b
}

// run lets time go by.
func (b *bench) run(d time.Duration) {
	const step = 10 * time.Millisecond
	for end := b.now.Add(d); b.now.Before(end); b.now = b.now.Add(step) {
		if !b.now.Before(b.next) {
			b.idrs = append(b.idrs, b.now)
			b.next = b.now.Add(b.gop)
			b.Arrived(b.now)
		}
		if !b.done.IsZero() && !b.now.Before(b.done) {
			b.done = time.Time{}
			b.Done(b.now, b.result)
		}
		way, look := b.Next(b.now)
		if way == "" {
			if !look.IsZero() && !look.After(b.now) {
				b.t.Fatalf("to look again at %v, which is now or past", look)
			}
			continue
		}
		b.asked = append(b.asked, way)
		b.Sent(b.now)
		b.done, b.result = b.now.Add(b.answers+step), b.errs[way]
		if delay, ok := b.obeys[way]; ok {
			b.next = b.now.Add(delay)
		}
	}
}

// wait asks for a key frame and returns how long it took.
func (b *bench) wait() time.Duration {
	b.t.Helper()
	had, since := len(b.idrs), b.now
	b.Want(b.now)
	for len(b.idrs) == had {
		b.run(10 * time.Millisecond)
		if b.now.Sub(since) > time.Minute {
			b.t.Fatal("no key frame in a minute")
		}
	}
	return b.now.Sub(since)
}
