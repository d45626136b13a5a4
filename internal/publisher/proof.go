package publisher

import (
	"fmt"
	"time"
)

// What "live" takes beyond a connected session, and for how long it may be missing.
const (
	// freshFor is how old the newest frame sent may be; for cameras of few frames a
	// second it is freshFrames frame intervals.
	freshFor    = time.Second
	freshFrames = 3
	freshMax    = 5 * time.Second
	// reportsWithin is how long frames may leave without a receiver report, where
	// there has been one: others than LiveKit, which sends one a second, may take 5 s
	// and more (RFC 3550 section 6.2).
	reportsWithin     = 10 * time.Second
	roomReportsWithin = 5 * time.Second
	// quietUntil is how long after connecting nothing is said to be missing yet.
	quietUntil = 5 * time.Second
	// rebuildAfter is how long the far end may lack the camera before the session is
	// made anew. It doubles, up to rebuildMax, with each session that was of no use.
	rebuildAfter = 20 * time.Second
	rebuildMax   = 10 * time.Minute

	proofSoon  = 100 * time.Millisecond
	proofEvery = time.Second
	// hurryFor is how long the room is asked more often than it is anyway.
	hurryFor = 30 * time.Second
)

// evidence is all that tells whether the far end has the camera's frames.
type evidence struct {
	now       time.Time
	connected time.Time
	flows     bool          // the camera does; while it does not, nothing is to be proven
	in, out   time.Time     // the newest packet from the camera, and the newest sent
	interval  time.Duration // between frames, 0 if unknown
	audio     bool          // the session has an audio track
	reports   time.Time     // the newest receiver report, zero if there was none
	searching bool          // the session looks for its lost connection
	room      *Sighting     // nil: there is nobody to ask
	place     string        // of the room, for people
	own       owned         // the newest is this session
	rebuilds  int           // sessions in a row that were of no use
}

// presence is what a publisher knows of its place at the far end. p.mu guards it.
type presence struct {
	doubt  *doubt    // of the connected session, nil if there is none
	proven time.Time // since when there has been none; zero: there is some
	wanted bool      // somebody watches, or the camera is published anyway
	blind  *Fault    // why nobody would be seen who wants to watch
	own    owned
	// rebuilds counts the sessions in a row that connected and were of no use.
	rebuilds int
}

// doubt is what keeps a connected camera from being live.
type doubt struct {
	state State
	fault Fault // without Text as long as nothing is wrong yet
}

// witness is what has been seen since the session was connected.
type witness struct {
	flowing time.Time // since when frames have left without a pause; zero: they do not
	lacking time.Time // since when the far end has lacked the camera; zero: it does not
	foreign time.Time // the first of the answers in a row that showed another publisher
	ours    bool      // the room has shown this session
	proven  time.Time // since when there has been no doubt; zero: there is some
	last    *doubt

	id       SessionID // as the session gave it last
	learning string    // the participant that is taken for this session, see learn
	learned  time.Time // since when
}

// judge weighs the evidence. It returns what is in doubt, nil if the camera is
// live, and an error if the session is to be ended.
func (w *witness) judge(e evidence) (*doubt, error) {
	if !e.flows { // the camera's own state says it all
		w.flowing, w.lacking = time.Time{}, time.Time{}
		return w.last, nil
	}
	fresh := e.out.After(e.connected) && e.now.Sub(e.out) <= freshness(e.interval)
	switch {
	case !fresh:
		w.flowing = time.Time{}
	case w.flowing.IsZero():
		w.flowing = e.now
	}
	d, lacks, err := w.weigh(e, fresh)
	w.last = d
	if err != nil {
		return d, err
	}
	if d == nil {
		if w.proven.IsZero() {
			w.proven = e.now
		}
	} else {
		w.proven = time.Time{}
	}
	switch {
	case !lacks:
		w.lacking = time.Time{}
	case w.lacking.IsZero():
		w.lacking = e.now
	case e.now.Sub(w.lacking) >= doubled(rebuildAfter, e.rebuilds, rebuildMax):
		return d, &uselessError{after: e.now.Sub(w.lacking), why: d.fault}
	}
	return d, nil
}

// weigh returns the first doubt, and whether it is one that a new session may mend.
func (w *witness) weigh(e evidence, fresh bool) (d *doubt, lacks bool, err error) {
	if !fresh {
		return w.silent(e), false, nil
	}
	if why := w.missing(e); why != "" {
		return &doubt{Publishing, Fault{Text: "connected, but " + why}}, true, nil
	}
	if e.room == nil {
		return nil, false, nil
	}
	s := *e.room
	switch {
	case !s.answered(e.connected):
		// A room that cannot be asked takes nobody down.
		if e.now.Sub(e.connected) < quietUntil && s.Err == nil {
			return &doubt{state: Publishing}, false, nil
		}
		return nil, false, nil
	case s.Present && e.own.newest().compare(s.ID) == same:
		w.ours, w.foreign = true, time.Time{}
	case elsewhere(s, e.own) && e.own.newest().compare(s.ID) == different:
		return w.other(e, s)
	default:
		w.foreign = time.Time{}
	}
	text := absent(s, e)
	if text == "" {
		return nil, false, nil
	}
	if e.now.Sub(e.connected) < quietUntil {
		return &doubt{state: Publishing}, true, nil
	}
	// What may have mended itself while the room could not be asked ends nothing.
	return &doubt{Publishing, Fault{Text: "connected, but the room does not show the camera: " + text}}, s.Err == nil, nil
}

// silent is the doubt of a session through which no frames go.
func (w *witness) silent(e evidence) *doubt {
	if !e.out.After(e.connected) && e.now.Sub(e.connected) <= freshness(e.interval) {
		return &doubt{state: Publishing} // it has only just been connected
	}
	f := Fault{Text: "no frame leaves: the camera sends none"}
	if e.now.Sub(e.in) <= freshness(e.interval) {
		f = Fault{
			Text: "no frame leaves: after a loss the camera's next key frame is awaited",
			Hint: "set a shorter key frame interval (GOP) at the camera, or on_loss: pass",
		}
	}
	return &doubt{Stalled, f}
}

// missing says what the session itself lacks.
func (w *witness) missing(e evidence) string {
	if e.searching {
		return "the connection is lost and looked for"
	}
	if e.reports.IsZero() || w.flowing.IsZero() {
		return ""
	}
	limit := reportsWithin
	if e.room != nil {
		limit = roomReportsWithin
	}
	since := w.flowing
	if e.reports.After(since) {
		since = e.reports
	}
	if e.now.Sub(since) > limit {
		return "the server confirms nothing any more (no receiver report)"
	}
	return ""
}

// other is for a room that shows another publisher in our place. One answer alone
// may be from before we came.
func (w *witness) other(e evidence, s Sighting) (*doubt, bool, error) {
	if w.foreign.IsZero() {
		w.foreign = s.Began
	}
	taken := &takenError{place: e.place}
	if s.Began.After(w.foreign) && (w.ours || s.Began.Sub(e.connected) >= takeoverGrace) {
		return nil, false, taken
	}
	if !w.ours && e.now.Sub(e.connected) < quietUntil {
		return &doubt{state: Publishing}, false, nil
	}
	return &doubt{Publishing, faultOf(taken)}, false, nil
}

// absent says what a room's answer lacks of a session.
func absent(s Sighting, e evidence) string {
	switch {
	case !s.Present:
		return e.place + " is not there"
	case !s.Active:
		return fmt.Sprintf("%s has no transport yet (%s)", e.place, s.Word)
	case !s.Video:
		return e.place + " has no video track"
	case e.audio && !s.Audio:
		return e.place + " has no audio track"
	}
	return ""
}

func freshness(interval time.Duration) time.Duration {
	return min(max(freshFor, freshFrames*interval), freshMax)
}

// uselessError is the end of a connected session that brought nothing.
type uselessError struct {
	after time.Duration
	why   Fault
}

func (e *uselessError) Error() string {
	return fmt.Sprintf("%s; made anew after %s of that", e.why.Text, e.after.Round(time.Second))
}
func (e *uselessError) Hint() string { return e.why.Hint }
