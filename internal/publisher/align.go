package publisher

import (
	"slices"
	"sync"
	"time"
)

// A camera needs longer for a picture than for a sound, often by a quarter of a second.
// Sender reports that go by the time of arrival alone would have receivers show the
// picture that much behind its sound. The camera's own sender reports tell how late
// each track comes; where they can be believed, ours take the difference in.

// Timed is a SourceSession that knows the camera's clock.
type Timed interface {
	// SenderTime returns a point of the camera's clock and the RTP timestamp that the
	// track has there; ok is false unless the camera's reports of late agree.
	SenderTime(id int) (at time.Time, rtp uint32, ok bool)
}

// Aligning is a TargetSession that tells receivers which moments of its tracks belong
// together.
type Aligning interface {
	// SetDelay says how much later than those of the other tracks this track's packets
	// are written after what they hold has happened.
	SetDelay(track int, d time.Duration)
}

const (
	// alignSpan is for how many seconds on end the difference must have been the same,
	// within alignSpread: longer than it takes from one sender report to the next, so
	// that a step of the camera's clock, which one track reports before the other,
	// does not count.
	alignSpan   = 15
	alignSpread = 80 * time.Millisecond
	// alignLimit is the largest difference that is believed. More comes from reports
	// of two clocks, and leaves things as they are.
	alignLimit = time.Second
	// alignStep is the least change that matters: nobody hears less.
	alignStep = 10 * time.Millisecond
	// alignMemory is for how many seconds without reports to be believed what they last
	// said still holds.
	alignMemory = 60
)

// alignment is how much later than the sound the picture comes; negative if earlier.
type alignment struct {
	recent []time.Duration // the newest seconds on end
	delay  time.Duration   // in use
	silent int             // seconds without anything to go by
}

// second takes what one second has shown; ok is false if it has shown nothing. It
// reports whether the delay has changed.
func (a *alignment) second(late time.Duration, ok bool) bool {
	if !ok || late.Abs() > alignLimit {
		a.recent = a.recent[:0]
		if a.silent++; a.silent == alignMemory && a.delay != 0 {
			a.delay = 0
			return true
		}
		return false
	}
	a.silent = 0
	if a.recent = append(a.recent, late); len(a.recent) < alignSpan {
		return false
	}
	sorted := slices.Sorted(slices.Values(a.recent))
	a.recent = append(a.recent[:0], a.recent[1:]...)
	middle := sorted[len(sorted)/2]
	if sorted[len(sorted)-1]-sorted[0] > alignSpread || (middle-a.delay).Abs() < alignStep {
		return false
	}
	a.delay = middle
	return true
}

// quickest is the packet that came soonest after its timestamp's moment, of those since
// the last look: what comes later has waited on the way.
type quickest struct {
	mu   sync.Mutex
	seen bool
	ts   uint32
	at   time.Time
}

// note takes the first packet of a timestamp.
func (q *quickest) note(ts uint32, at time.Time, clock int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen && at.Sub(q.at) >= ticks(ts-q.ts, clock) {
		return
	}
	q.seen, q.ts, q.at = true, ts, at
}

func (q *quickest) take() (ts uint32, at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ok, q.seen = q.seen, false
	return q.ts, q.at, ok
}

// ticks is a difference of RTP timestamps, forward or back, as a time.
func ticks(d uint32, clock int) time.Duration {
	return time.Duration(int32(d)) * time.Second / time.Duration(max(clock, 1))
}

// sinceMoment is how long after its moment, by the camera's clock, a track's quickest
// packet of late came, by ours. The difference of the clocks is in it.
func sinceMoment(src Timed, t Track, q *quickest) (d time.Duration, ok bool) {
	ts, arrived, ok := q.take()
	if !ok {
		return 0, false
	}
	at, rtp, ok := src.SenderTime(t.ID)
	if !ok {
		return 0, false
	}
	return arrived.Sub(at.Add(ticks(ts-rtp, t.ClockRate))), true
}

// alignTracks looks how much later than its sound the camera's picture comes, and has
// the session tell so.
func (p *Publisher) alignTracks() {
	p.mu.Lock()
	feeds, session := p.feeds, p.session
	timed, ok := p.source.(Timed)
	if !ok || p.camera.phase != phaseUp || len(feeds) != 2 || feeds[0].video == nil {
		p.mu.Unlock()
		return
	}
	picture, sound := feeds[0].track, feeds[1].track
	p.mu.Unlock()
	video, videoOK := sinceMoment(timed, picture, &feeds[0].quick)
	audio, audioOK := sinceMoment(timed, sound, &feeds[1].quick)
	p.mu.Lock()
	changed := p.align.second(video-audio, videoOK && audioOK)
	delay := p.align.delay
	p.mu.Unlock()
	if changed {
		p.log.Debug("picture and sound aligned", "picture_later_by", delay.Round(time.Millisecond))
	}
	if s, ok := session.(Aligning); ok {
		s.SetDelay(0, max(delay, 0))
		s.SetDelay(1, max(-delay, 0))
	}
}
