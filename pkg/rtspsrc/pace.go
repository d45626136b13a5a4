package rtspsrc

import "time"

const (
	// busyPause is how long to stay away from a camera that has no session left: one
	// of ours may be among them, forgotten by the network.
	busyPause = 10 * time.Second
	// oldMediaPause is how long live555 takes to give up a session that nobody reads.
	oldMediaPause = 65 * time.Second
	// refusalPause is how long to stay away after the second refusal of the same
	// password, and refusalMax after many. Cameras lock accounts, some for good.
	refusalPause = time.Minute
	refusalMax   = 30 * time.Minute
)

// refused counts a refusal of our credentials, once a connection, and tells how
// long to stay away: the first may have been a camera that was starting.
func (s *Source) refused(l *link) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.refused {
		l.refused = true
		s.refusals++
	}
	if s.refusals < 2 {
		return 0
	}
	return min(refusalPause<<min(2*(s.refusals-2), 10), refusalMax)
}

// admitted ends the count.
func (s *Source) admitted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = 0
}
