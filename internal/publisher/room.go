package publisher

import (
	"context"
	"time"
)

// Room is how the far end sees a camera and who else is there, for targets that
// can be asked. What it knows is gathered for many cameras at once.
type Room interface {
	// String names the camera's place for people: `"gate" in room "site"`.
	String() string
	// Look returns what is known now, and a channel that is closed when there is
	// something newer.
	Look() (Sighting, <-chan struct{})
	// Refresh asks for something newer soon. It returns at once and may be called
	// as often as one likes: what is asked of the far end is bounded elsewhere.
	Refresh()
}

// Sighting is what a room showed when it was last asked with success.
type Sighting struct {
	Began time.Time // when the question was sent; zero: there was no answer yet
	// Err is why the newest question got no answer, nil if it did, and Failed is
	// when it was sent.
	Err    error
	Failed time.Time

	Present bool      // somebody is there under the camera's identity
	ID      SessionID // who that is
	Active  bool      // with a transport that works
	Word    string    // the far end's own word for the transport's state
	Video   bool      // with tracks of these kinds
	Audio   bool

	Viewers int // participants who may watch and are no cameras
}

// SessionID is by what a session is told from another under the same identity.
// Not every far end has both.
type SessionID struct {
	Participant string // the participant's SID
	Resource    string // the WHIP session's name at LiveKit Ingress
}

// Identified is a TargetSession that knows its ID. It may change while the session
// lives.
type Identified interface{ ID() SessionID }

// sameness is whether two IDs are of the same session.
type sameness int

const (
	unknown sameness = iota // they have nothing in common to compare
	same
	different
)

func (id SessionID) compare(other SessionID) sameness {
	switch {
	case id.Participant != "" && other.Participant != "":
		if id.Participant == other.Participant {
			return same
		}
		return different
	case id.Resource != "" && other.Resource != "":
		if id.Resource == other.Resource {
			return same
		}
		return different
	}
	return unknown
}

// ownSessions is how many of its sessions a publisher knows again. The far end may
// show one that was lost for half a minute.
const ownSessions = 8

// owned are the publisher's sessions, the newest last.
type owned []SessionID

// add remembers a session.
func (o *owned) add(id SessionID) {
	*o = append(*o, id)
	if len(*o) > ownSessions {
		*o = append(owned(nil), (*o)[len(*o)-ownSessions:]...)
	}
}

// whose tells whether a participant is one of these sessions. Of those of which
// nothing can be compared the answer is unknown.
func (o owned) whose(id SessionID) sameness {
	all := unknown
	for _, mine := range o {
		switch mine.compare(id) {
		case same:
			return same
		case different:
			all = different
		}
	}
	return all
}

// newest is the present session's, or the last one's.
func (o owned) newest() SessionID {
	if len(o) == 0 {
		return SessionID{}
	}
	return o[len(o)-1]
}

// answered tells whether the room was asked after t, and has answered.
func (s Sighting) answered(t time.Time) bool { return s.Began.After(t) }

// lookAfter asks the room and waits for an answer to a question sent after now. It
// gives up after limit, or when the room could not be asked.
func lookAfter(ctx context.Context, room Room, limit time.Duration) (s Sighting, ok bool) {
	asked := time.Now()
	end := time.NewTimer(limit)
	defer end.Stop()
	room.Refresh()
	for {
		s, changed := room.Look()
		switch {
		case s.answered(asked):
			return s, true
		case s.Failed.After(asked):
			return s, false
		}
		select {
		case <-ctx.Done():
			return s, false
		case <-end.C:
			return s, false
		case <-changed:
		}
	}
}
