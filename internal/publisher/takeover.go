package publisher

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// How a publisher behaves that finds another one in its place. LiveKit throws the
// older of two participants with one identity out of the room, so two publishers
// that both insist would take turns without end. This one does not insist: it
// looks again every standbyLook to twice that, and when the place is free waits
// for up to standbyDelay and looks once more, so that of several that wait one is
// first.
const (
	standbyLook  = 5 * time.Second
	standbyDelay = 8 * time.Second
	// lookLimit bounds the look before a session. Where the room cannot be asked
	// the session is made all the same.
	lookLimit = 3 * time.Second
	// takeoverGrace is how long after connecting somebody else may still be shown:
	// a terminating Ingress enters the room seconds after its answer.
	takeoverGrace = 15 * time.Second
)

// elsewhere tells whether a sighting shows a publisher that is not one of our
// sessions. Somebody of whom nothing can be compared counts as another one: to wait
// until a ghost of ours has gone does less harm than to throw out a living one.
// Who has no transport yet may be what is left of an attempt of ours, and shows
// nothing to anybody.
func elsewhere(s Sighting, own owned) bool {
	return s.Present && s.Active && own.whose(s.ID) != same
}

// takenError is the end of a session whose place another publisher has taken.
type takenError struct{ place string }

func (e *takenError) Error() string {
	return fmt.Sprintf("another publisher has taken the place of %s", e.place)
}

func (e *takenError) Hint() string {
	return "if there should be only one, stop the other or give it another identity; as long as it is there this one waits, and takes over when it has gone"
}

// awaitVacancy returns true when nobody else publishes in our place, and false when
// ctx ends. Before the first session it does not look: after a restart what is in
// the room is most likely what the last run has left there.
func (p *Publisher) awaitVacancy(ctx context.Context) bool {
	room := p.cfg.Room
	p.mu.Lock()
	own := append(owned(nil), p.own...)
	p.mu.Unlock()
	if room == nil || len(own) == 0 {
		return true
	}
	s, ok := lookAfter(ctx, room, lookLimit)
	if ctx.Err() != nil {
		return false
	}
	if !ok || !elsewhere(s, own) {
		return true
	}
	p.standBy(room)
	for {
		if !sleep(ctx, standbyLook+rand.N(standbyLook)) {
			return false
		}
		if s, ok := lookAfter(ctx, room, lookLimit); !ok || elsewhere(s, own) {
			continue
		}
		if !sleep(ctx, rand.N(standbyDelay)) {
			return false
		}
		if s, ok := lookAfter(ctx, room, lookLimit); !ok || elsewhere(s, own) {
			continue
		}
		p.log.Info("taking over", "place", room.String())
		return true
	}
}

// standBy tells, once, that another publisher is in our place.
func (p *Publisher) standBy(room Room) {
	f := faultOf(&takenError{place: room.String()})
	p.log.Warn("standing by", "reason", f.Text, "hint", f.Hint)
	p.update(func() {
		p.target = side{phase: phaseTaken, fault: &f}
		p.status.Tried = true
	})
}
