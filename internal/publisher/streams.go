package publisher

import (
	"fmt"
	"math/bits"
	"time"
)

// Stream is one of the two streams that a camera may offer of its picture.
type Stream string

// The streams.
const (
	Main Stream = "main"
	Sub  Stream = "sub" // the smaller one
)

// When the way to the target counts as too narrow for the main stream. Loss comes and
// goes with radio links and with large key frames; only what lasts is the way's width.
const (
	narrowLoss = 0.05 // of the packets of a second, by the far end's reports
	narrowNack = 0.10 // packets asked for again, of those sent: some are asked for twice
	// narrowSeconds of the last pathSpan must be such seconds. quickSeconds of the last
	// quickSpan will do when each of them was severe, or the main stream has only just
	// been tried again.
	severeLoss              = 0.25
	pathSpan, narrowSeconds = 10, 6
	quickSpan, quickSeconds = 4, 3
)

// When the main stream is tried again. Each try costs the picture a moment, and a
// change back and forth is worse than a small picture.
const (
	mainFirst = 5 * time.Minute // after the first change to the sub stream
	mainMost  = time.Hour       // it doubles with each try that fails, up to this
	// mainClean is how long nothing may have been lost before.
	mainClean = time.Minute
	// trialTime is how long the main stream is on trial, and mainHolds how long it must
	// have lasted for the waits to begin afresh.
	trialTime = 2 * time.Minute
	mainHolds = 10 * time.Minute
)

// subPatience is how often the sub stream may fail to open before the main one is
// tried in its place.
const subPatience = 3

// second is what was seen of a session in a second.
type second struct {
	sent, nacked uint64  // packets
	lost         float64 // 0..1, by the far end's reports; the largest if there are several
	excess       string  // what the stream is above, by the far end's rules or ours; "" if nothing
}

// narrow tells a second in which the way did not carry what was sent.
func (s second) narrow() bool {
	return s.sent > 0 && (s.excess != "" || s.lost >= narrowLoss || float64(s.nacked) >= narrowNack*float64(s.sent))
}

// streams decides which of a camera's streams plays. It does nothing itself and has no
// clock, so that tables can test it. The main stream plays unless it cannot be shown,
// or the way to the target has been too narrow for it.
type streams struct {
	playing Stream
	since   time.Time     // of the last change
	because string        // of the last change, for the log
	wait    time.Duration // how long the sub stream stays before the main one is tried
	why     string        // why the sub stream is to play; "" if the main one is
	unfit   bool          // why is the main stream itself, not the way to the target
	trial   bool          // the main stream was tried again, and has not lasted yet

	subFault string    // why the sub stream could not be opened; "" if it could
	subSlow  bool      // only a person can mend that
	subFails int       // in a row
	barred   time.Time // the sub stream is not used before

	path   uint // the newest seconds, one bit each: the way was too narrow
	severe uint // by far
	clean  time.Duration
}

// failure is the end of a session with the camera.
type failure struct {
	text   string
	flowed bool // its media flowed before
	unfit  bool // what it sends cannot be shown
	slow   bool // only a person can mend it
}

// second takes what a second of a connected session, with a camera that flows, has
// shown. It reports whether the stream is to change.
func (s *streams) second(now time.Time, r second) bool {
	s.path = s.path << 1 & (1<<pathSpan - 1)
	s.severe = s.severe << 1 & (1<<quickSpan - 1)
	s.clean += samplePeriod
	if r.narrow() {
		s.path |= 1
		s.clean = 0
		if r.share() >= severeLoss {
			s.severe |= 1
		}
	}
	switch {
	case s.playing == Sub:
		if s.unfit || s.clean < mainClean || now.Sub(s.since) < s.wait {
			return false
		}
		s.trial, s.why = true, ""
		s.change(Main, now, "the way to the server has been clean: the main stream is tried again")
		return true
	case !s.tooNarrow(now) || now.Before(s.barred):
		return false
	}
	s.lengthen(now)
	s.trial, s.unfit = false, false
	s.why = r.why()
	s.change(Sub, now, s.why)
	return true
}

// why tells of a narrow second.
func (s second) why() string {
	if s.excess != "" {
		return s.excess
	}
	return fmt.Sprintf("the way to the server did not carry the main stream (%.0f %% of it was lost)", 100*s.share())
}

// share is the part of the packets that did not arrive, as well as is known.
func (s second) share() float64 {
	return max(s.lost, min(float64(s.nacked)/float64(max(s.sent, 1)), 1))
}

func (s *streams) tooNarrow(now time.Time) bool {
	quick := s.severe
	if s.trial && now.Sub(s.since) < trialTime {
		quick = s.path & (1<<quickSpan - 1)
	}
	return bits.OnesCount(quick) >= quickSeconds || bits.OnesCount(s.path) >= narrowSeconds
}

// lengthen sets the time until the main stream is tried the next time.
func (s *streams) lengthen(now time.Time) {
	held := s.playing == Main && s.subFault == "" && now.Sub(s.since) >= mainHolds
	if s.wait == 0 || held {
		s.wait = mainFirst
	} else {
		s.wait = min(2*s.wait, mainMost)
	}
}

func (s *streams) change(to Stream, now time.Time, because string) {
	s.playing, s.since, s.because = to, now, because
	s.path, s.severe, s.clean, s.subFails = 0, 0, 0, 0
}

// flows notes that the media of the stream flows.
func (s *streams) flows(now time.Time) {
	s.subFails = 0
	switch {
	case s.playing == Sub:
		s.subFault = ""
	case s.why != "":
		if s.subFault != "" { // it is not that the main stream is all right again
			s.barred = now.Add(s.wait)
		}
		s.why, s.unfit = "", false
	}
}

// failed takes the end of a session with the camera. at once is true if the other
// stream is to be opened without a pause.
func (s *streams) failed(now time.Time, f failure) (atOnce bool) {
	if s.playing == Main {
		switch {
		case f.unfit:
			if !s.unfit {
				s.lengthen(now)
			}
			s.why, s.unfit, s.trial = f.text, true, false
		case s.trial && !f.flowed:
			s.lengthen(now)
			s.why, s.trial = "the main stream could not be opened: "+f.text, false
		case s.why == "":
			return false
		}
		if now.Before(s.barred) && !s.unfit {
			return false
		}
		s.change(Sub, now, s.why)
		return s.subFault == ""
	}
	if f.flowed {
		if s.unfit && now.Sub(s.since) >= s.wait {
			s.lengthen(now)
			s.change(Main, now, "somebody may have changed the settings of the main stream")
			return true
		}
		return false
	}
	if s.subFails++; s.subFails >= subPatience || f.slow || f.unfit {
		s.subFault, s.subSlow = f.text, f.slow || f.unfit
		s.change(Main, now, "the sub stream cannot be used: "+f.text)
	}
	return false
}

// hurries reports that the stream to be opened next may be there again at any moment,
// whatever was wrong with the other one.
func (s *streams) hurries() bool { return s.playing == Sub && !s.subSlow }

// note says which stream plays and why, "" if nothing is to be said.
func (s *streams) note() string {
	switch {
	case s.playing == Sub && s.why != "":
		return "the smaller stream (sub_url) plays: " + s.why
	case s.subFault != "":
		return "the smaller stream (sub_url) cannot be used: " + s.subFault
	}
	return ""
}
