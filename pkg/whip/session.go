package whip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
)

// reportInterval is between two sender reports of a track. LiveKit and browsers
// expect about one a second for video (RFC 3550 section 6.2 allows it by far).
const reportInterval = time.Second

// closeWait bounds the wait for the connection to close, beside the DELETE.
const closeWait = 1500 * time.Millisecond

// Session is a connected WHIP session. Its tracks are numbered as they were given
// to Publish.
type Session struct {
	client  *Client
	log     *slog.Logger
	peer    *peer
	mux     ice.UDPMux
	sockets sockets
	plan    []offeredTrack
	tracks  []*localTrack
	cname   string
	paced   *pacer // of the video track; nil without pacing

	// Set while the session is made, constant afterwards.
	url        *url.URL // of the WHIP session; nil until there is one
	iceServers []ICEServer
	epoch      time.Time // when the session was begun, for steady
	connected  time.Time
	trickles   bool // the offer says that candidates may follow

	sdpID       int64
	sdpVersion  int                // of the description, for the goroutine that restarts ICE
	restarting  bool               // the newest offer has not been answered yet; likewise
	answer      string             // the newest; likewise
	refused     chan struct{}      // closed when the server takes no further candidates
	stopTrickle context.CancelFunc // nil unless candidates follow
	trickleDone chan struct{}
	etagMu      sync.Mutex
	etag        string // of the ICE session, as the server wrote it
	restarts    atomic.Uint64
	feedback    feedbackWindow
	estimate    estimate

	states    states
	rtt       atomic.Int64 // nanoseconds
	malformed atomic.Uint64
	ended     atomic.Bool

	stop     chan struct{} // closed by the first Close
	stopOnce sync.Once
	done     chan struct{} // the session is over, err is set
	err      error
	finished chan struct{} // all is cleaned up
}

// Codec is what the answer chose for a track.
func (s *Session) Codec(track int) Codec { return s.tracks[track].chosen.Codec }

// ICEServers are those that the server recommended in Link headers. They are for
// servers that cannot be reached directly.
func (s *Session) ICEServers() []ICEServer { return append([]ICEServer(nil), s.iceServers...) }

// WriteRTP sends one packet on a track, from any goroutine. The header's sequence
// number, timestamp and marker are the caller's, with no extensions and no
// padding; its SSRC and payload type are filled in. Neither header nor payload is
// kept. A packet that the network refuses is lost without an error, as on any
// network; an error means that the session is over.
//
// Video packets without the marker wait for the next one, so that a frame leaves in
// one system call: until the marker, or Flush, or, where Flush has never been
// called, for a millisecond. Audio does not wait, and on systems that cannot send so,
// nothing does. With Config.Pacing, video also waits for its turn.
func (s *Session) WriteRTP(track int, h *rtp.Header, payload []byte) error {
	if s.ended.Load() {
		<-s.done
		return s.err
	}
	if track < 0 || track >= len(s.tracks) {
		return fmt.Errorf("no track %d in a session of %d", track, len(s.tracks))
	}
	t := s.tracks[track]
	err := t.write(h, payload)
	if h.Marker || t.kind == Audio {
		s.sockets.flush()
	}
	if s.paced != nil && t.kind == Audio {
		s.paced.aside.Add(int64(len(payload) + t.packetOverhead()))
	}
	return err
}

// SetDelay says how much longer a track's packets were under way before they were
// written than those of the session's other tracks: a camera needs longer for a picture
// than for a sound. Sender reports tell the server, so that receivers show together
// what belongs together. It may be changed at any time, from any goroutine.
func (s *Session) SetDelay(track int, d time.Duration) {
	if track < 0 || track >= len(s.tracks) {
		return
	}
	t := s.tracks[track]
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line.delay = d
}

// Flush sends what WriteRTP has gathered. Call it, from any goroutine, whenever no
// more packets are at hand; it costs next to nothing when nothing has gathered. From
// the first call on the session counts on that and starts no timers, which are
// dearer than all else that a frame costs here.
func (s *Session) Flush() {
	for _, c := range s.sockets {
		c.Trust()
		c.Flush()
	}
}

// Done is closed when the session is over, for whatever reason: Close, silence of
// the server for Timeouts.Disconnect that no ICE restart has mended, an end at the
// server's side, or a circuit breaker (RFC 8083: reports that nothing arrives, or loss
// that says that the network is full). Err has the reason. Call Close all the same, to
// wait until everything is gone.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is nil while the session lives, ErrClosed after Close, else the reason.
func (s *Session) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close ends the session: RTCP BYE, one DELETE of the session URL, and the end of
// the connection. It waits until all of this is done, which takes no longer than
// Timeouts.Delete and two seconds. When ctx ends earlier Close returns, and the rest
// is done all the same. Closing again waits alike.
func (s *Session) Close(ctx context.Context) error {
	s.stopOnce.Do(func() { close(s.stop) })
	select {
	case <-s.finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close session: %w", ctx.Err())
	}
}

// run is the session's goroutine from the moment that it is connected.
func (s *Session) run() {
	tick := time.NewTimer(reportWait(time.Now()))
	defer tick.Stop()
	ticks := 0
	for {
		select {
		case <-s.stop:
			s.finish(ErrClosed)
			return
		case <-s.states.lost:
			s.finish(s.states.reason(s))
			return
		case <-s.states.silent:
			if s.peer.disconnected() {
				s.newPath("silence")
			}
		case now := <-tick.C:
			tick.Reset(reportWait(now))
			s.sendReports()
			if err := s.tripped(time.Now()); err != nil {
				s.finish(err)
				return
			}
			ticks++
			if ticks%addressTicks == 0 && s.mayRestart() && s.addressGone() {
				s.newPath("address gone")
			}
		}
	}
}

// newPath restarts ICE, or has the session end.
func (s *Session) newPath(why string) {
	if s.mayRestart() {
		s.endTrickle()
		err := s.recover(why)
		if err == nil {
			return
		}
		s.log.Info("whip session cannot be moved to a new path", "error", err)
	}
	s.states.lose("silent")
}

// finish ends the session for the given reason.
func (s *Session) finish(reason error) {
	s.ended.Store(true)
	s.err = reason
	close(s.done)
	if !errors.Is(reason, ErrClosed) {
		s.log.Info("whip session lost", "error", reason)
	}
	s.tearDown(context.Background())
	close(s.finished)
}

// tearDown leaves nothing behind, neither here nor, if it can be helped, at the
// server. It runs once in the life of a session, connected or not, and so the
// DELETE is sent once.
func (s *Session) tearDown(ctx context.Context) {
	s.ended.Store(true)
	s.endTrickle()
	if s.paced != nil {
		s.paced.close()
	}
	s.sendBye()
	if s.url != nil {
		if err := s.client.deleteSession(ctx, s.url); err != nil {
			s.log.Warn("whip session not deleted", "error", err)
		}
	}
	s.closePeer()
}

// closePeer closes the connection and waits for its goroutines, within bounds.
func (s *Session) closePeer() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.peer.close()
		_ = s.mux.Close()
	}()
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-closed:
	case <-t.C:
		// A candidate stuck in a system call, at worst. The socket's end frees it.
		_ = s.mux.Close()
		s.log.Warn("whip connection slow to close")
	}
}
