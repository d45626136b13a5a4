package rawserver

import (
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// Here is what may be done to a server while it serves.

// Freeze makes the server send no media while it goes on answering, or ends that.
func (s *Server) Freeze(on bool) {
	s.frozen.Store(on)
	s.eachPlayer(func(p *reel.Player) { p.Freeze(on) })
}

// KeyFrame makes every session's next access unit an IDR picture.
func (s *Server) KeyFrame() { s.eachPlayer((*reel.Player).KeyFrame) }

// HangUp breaks all connections and takes new ones at once.
func (s *Server) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.nc.Close()
	}
}

// Impair makes datagrams get lost, overtake each other and come twice, of a thousand
// each, in place of what Faults says.
func (s *Server) Impair(lost, reordered, duplicated int) {
	s.rates.Store(&rates{lost, reordered, duplicated})
}

// Jump makes the RTP timestamps of all sessions jump.
func (s *Server) Jump(by time.Duration) { s.eachPlayer(func(p *reel.Player) { p.Jump(by) }) }

// StepClock sets the clock that sender reports show, in all sessions.
func (s *Server) StepClock(by time.Duration) {
	s.eachPlayer(func(p *reel.Player) { p.StepClock(by) })
}

func (s *Server) eachPlayer(f func(*reel.Player)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		for _, p := range ss.playing() {
			f(p)
		}
	}
}
