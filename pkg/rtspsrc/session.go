package rtspsrc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/pion/rtp"
)

// Handler receives one RTP packet. Packet and payload are used again when it has
// returned: what it keeps it must copy, as rtp.Packet.Clone does. arrived is when the
// packet was read from the socket.
type Handler func(t Track, pkt *rtp.Packet, arrived time.Time)

// Session is one RTSP session with a camera. Its methods may be called from any
// goroutine, except that none but RequestKeyFrame and Stats may be called from a
// Handler.
type Session struct {
	src     *Source
	tracks  []Track
	ignored []IgnoredTrack
	started time.Time

	mu         sync.Mutex
	link       *link // nil while one transport is exchanged for another
	cause      error // why the session ends, the first reason wins
	played     bool
	starting   bool // Play is at work and deals with links that end
	ended      bool
	cancelPlay context.CancelFunc
	receivers  []*receiver
	err        error

	firstPacket sync.Once
	flowing     chan struct{} // closed at the first packet, made by Play
	protocol    atomic.Value  // string

	work sync.WaitGroup
	done chan struct{}
}

// Tracks returns the chosen video track and then the audio tracks in the camera's
// order.
func (s *Session) Tracks() []Track { return slices.Clone(s.tracks) }

// Ignored returns what else the camera offers, and why it is not used.
func (s *Session) Ignored() []IgnoredTrack { return slices.Clone(s.ignored) }

// Done is closed when the session is over and its connection is closed.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err tells why the session is over; nil before Done is closed.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the session with TEARDOWN and waits until everything is closed, for
// less than 2 s. Afterwards the handler is not called any more.
func (s *Session) Close() error {
	s.end(ErrClosed)
	s.mu.Lock()
	cancel := s.cancelPlay
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	s.work.Wait()
	return nil
}

// end gives the reason and closes the connection; follow does the rest.
func (s *Session) end(cause error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	l := s.link
	s.mu.Unlock()
	if l != nil {
		l.close()
	}
}

// follow waits for a link to end, and with it the session, unless Play has put
// another link in its place.
func (s *Session) follow(l *link) {
	defer s.work.Done()
	l.endErr = l.client.Wait()
	close(l.ended)
	s.mu.Lock()
	current := s.link == l && !s.starting
	s.mu.Unlock()
	if current {
		s.finishWith(l)
	}
}

// finishWith ends the session because its link has ended.
func (s *Session) finishWith(l *link) {
	l.close()
	s.finish(l.fail("receive", l.endErr))
}

// finish makes the session's end known, once.
func (s *Session) finish(err error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	if s.cause == nil {
		s.cause = err
	}
	s.err = s.cause
	if errors.Is(s.err, ErrClosed) {
		s.err = &Error{Op: "receive", URL: s.src.name, Err: ErrClosed}
	}
	s.mu.Unlock()
	close(s.done)
	s.src.opened <- struct{}{}
}

// Stats are a session's counters.
type Stats struct {
	// BytesReceived counts RTP packets, headers included.
	BytesReceived uint64
	// PacketsReceived counts RTP packets of the played tracks.
	PacketsReceived uint64
	// PacketsLost is how many packets are missing by their sequence numbers.
	PacketsLost uint64
	// PacketsUnusable counts packets that are broken or of a payload type that the
	// description does not name.
	PacketsUnusable uint64
	// PacketsReordered counts packets that came before an earlier one, over UDP.
	PacketsReordered uint64
	// PacketsLate counts packets that came twice, or after Config.ReorderDelay.
	PacketsLate uint64
	// FramesForeign counts interleaved frames on channels that nobody asked for.
	FramesForeign uint64
	// JunkBytes counts what came between the camera's messages and belongs to none.
	JunkBytes uint64
	// HeadersRepaired counts lines of RTSP messages that had to be repaired or left out.
	HeadersRepaired uint64
	// ReportsUnusable counts RTCP sender reports that belong to another stream or
	// contradict the one before.
	ReportsUnusable uint64
	// Protocol is "tcp", "udp" or "multicast", "" before Play.
	Protocol string
}

// Stats returns the counters of all played tracks together.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	rs := s.receivers
	s.mu.Unlock()
	var st Stats
	if len(rs) > 0 {
		st.PacketsUnusable = rs[0].link.unusable.Load()
		if w := rs[0].link.wire.Load(); w != nil {
			st.FramesForeign = w.frames.foreign.Load()
			st.JunkBytes = w.frames.junk.Load()
			st.HeadersRepaired = w.frames.repairs.Load()
		}
	}
	for _, r := range rs {
		r.addTo(&st)
	}
	st.Protocol, _ = s.protocol.Load().(string)
	return st
}

func protocolName(p gortsplib.Protocol) string {
	switch p {
	case gortsplib.ProtocolUDP:
		return "udp"
	case gortsplib.ProtocolUDPMulticast:
		return "multicast"
	}
	return "tcp"
}
