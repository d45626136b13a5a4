package rawserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// Config says what to serve.
type Config struct {
	Listener net.Listener // taken over by the server

	Path     string // "/stream1"
	Username string // "" means that no password is asked for
	Password string
	NoTCP    bool // 461 for interleaved media
	NoUDP    bool // 461 for UDP

	Script    reel.Script // what is played, for each session anew
	Shape     reel.Shape  // of the clips named in Faults
	HonourPLI bool        // PLI and FIR are answered with an IDR
	Seed      uint64      // of what is left to chance on the way of UDP packets

	OnAccessUnit func(nalus [][]byte)

	Faults Faults
}

// Stats tell what the server has sent and heard since its start.
type Stats struct {
	reel.Stats
	Sessions int // that play at the moment
	Counts   Counts
}

// Counts are numbers of what was asked and answered.
type Counts struct {
	Sessions         uint64 // opened by a SETUP
	Describes        uint64
	Teardowns        uint64
	KeepAlives       uint64 // OPTIONS, GET_PARAMETER and SET_PARAMETER while a session plays
	Reports          uint64 // receiver reports
	KeyFrameRequests uint64 // PLI, FIR, Renew-Stream
	Stale            uint64 // 401 with stale=true
	Unauthorized     uint64 // other 401
	Refused          uint64 // 453
	TimedOut         uint64 // sessions without a sign of life
	Impaired         uint64 // datagrams lost, moved or sent twice on purpose
}

// Plus returns the sums.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		Sessions: c.Sessions + o.Sessions, Describes: c.Describes + o.Describes, Teardowns: c.Teardowns + o.Teardowns,
		KeepAlives: c.KeepAlives + o.KeepAlives, Reports: c.Reports + o.Reports,
		KeyFrameRequests: c.KeyFrameRequests + o.KeyFrameRequests, Stale: c.Stale + o.Stale,
		Unauthorized: c.Unauthorized + o.Unauthorized, Refused: c.Refused + o.Refused,
		TimedOut: c.TimedOut + o.TimedOut, Impaired: c.Impaired + o.Impaired,
	}
}

// Server is one simulated camera.
type Server struct {
	cfg     Config
	streams map[string][]*media // by path
	started time.Time

	cancel context.CancelFunc
	ctx    context.Context // of everything that the server runs
	wg     sync.WaitGroup

	frozen atomic.Bool
	rates  atomic.Pointer[rates] // on the way of datagrams

	countMu sync.Mutex
	counts  Counts

	mu       sync.Mutex
	conns    map[*conn]bool
	sessions map[*session]bool
	past     reel.Stats // of the sessions that are over
	oldUntil time.Time  // new connections get old media until then
}

// Start serves until Close.
func Start(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, started: time.Now(), conns: map[*conn]bool{}, sessions: map[*session]bool{}}
	if s.cfg.Path == "" {
		s.cfg.Path = "/stream1"
	}
	s.Impair(cfg.Faults.Lost, cfg.Faults.Reordered, cfg.Faults.Duplicated)
	if err := s.offer(); err != nil {
		return nil, err
	}
	if d := cfg.Faults.OldMedia; d > 0 {
		s.oldUntil = s.started.Add(d)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.accept)
	s.wg.Go(s.reap)
	return s, nil
}

// offer fills in the streams.
func (s *Server) offer() error {
	if s.cfg.Script.Film == nil {
		return errors.New("no clip to play")
	}
	main, err := s.cfg.description()
	if err != nil {
		return err
	}
	s.streams = map[string][]*media{strings.TrimRight(s.cfg.Path, "/"): main}
	if clip := s.cfg.Faults.SubClip; clip != "" {
		shape := s.cfg.Shape
		shape.PadIDR, shape.PadAll = 0, 0 // it is the small one
		film, err := reel.LoadFilm(clip, shape)
		if err != nil {
			return err
		}
		s.streams[SubPath] = []*media{{film: film, control: s.cfg.Faults.Control}}
	}
	return nil
}

// SubPath is where Faults.SubClip plays.
const SubPath = "/stream2"

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.cfg.Listener.Addr() }

// Close breaks all connections and waits for the server's goroutines.
func (s *Server) Close() {
	s.cancel()
	_ = s.cfg.Listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.nc.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Stats may be called at any time.
func (s *Server) Stats() Stats {
	s.countMu.Lock()
	st := Stats{Counts: s.counts}
	s.countMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Stats = s.past
	for ss := range s.sessions {
		players := ss.playing()
		if ss.isPlaying() {
			st.Sessions++
		}
		for _, p := range players {
			st.Stats = st.Add(p.Stats())
		}
	}
	return st
}

// tally counts something.
func (s *Server) tally(add func(c *Counts)) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	add(&s.counts)
}

func (s *Server) accept() {
	for {
		nc, err := s.cfg.Listener.Accept()
		if err != nil {
			return // closed
		}
		c := newConn(s, nc)
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		if s.ctx.Err() != nil {
			_ = nc.Close() // Close may have missed it
		}
		s.wg.Go(func() {
			c.serve()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// timeout is how long a session lives without a sign of life.
func (s *Server) timeout() time.Duration {
	if d := s.cfg.Faults.Timeout; d > 0 {
		return d
	}
	return time.Minute
}

// reap ends sessions without a sign of life.
func (s *Server) reap() {
	tick := time.NewTicker(min(s.timeout()/8, 250*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for ss := range s.sessions {
			if ss.idle() > s.timeout() && ss.expire() {
				s.tally(func(c *Counts) { c.TimedOut++ })
			}
		}
		s.mu.Unlock()
	}
}

// admit adds a session, unless the server has one already and serves one only.
func (s *Server) admit(ss *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Faults.OneSession && len(s.sessions) > 0 {
		s.tally(func(c *Counts) { c.Refused++ })
		return errors.New("there is a session already")
	}
	s.sessions[ss] = true
	s.tally(func(c *Counts) { c.Sessions++ })
	return nil
}

// forget removes a session whose players have stopped.
func (s *Server) forget(ss *session, torn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sessions[ss] {
		return
	}
	delete(s.sessions, ss)
	for _, p := range ss.playing() {
		s.past = s.past.Add(p.Stats())
	}
	if d := s.cfg.Faults.OldMedia; d > 0 && !torn {
		s.oldUntil = time.Now().Add(d)
	}
}

// haunted tells until when a new connection gets old media.
func (s *Server) haunted() (until time.Time, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oldUntil, time.Now().Before(s.oldUntil)
}

// sessionHeader is a Session header's value.
func (s *Server) sessionHeader(id string) string {
	if s.cfg.Faults.Timeout > 0 {
		return fmt.Sprintf("%s;timeout=%d", id, max(1, int(s.cfg.Faults.Timeout/time.Second)))
	}
	return id
}
