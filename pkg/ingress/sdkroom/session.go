package sdkroom

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// ErrClosed is the end of a session that its own side closed.
var ErrClosed = errors.New("session closed")

// Session is a participant with its tracks, numbered as they were given to Publish.
type Session struct {
	cfg      Config
	room     *lksdk.Room
	tracks   []*outTrack
	feedback *feedback

	mu       sync.Mutex
	err      error
	away     *time.Timer // runs while the SDK looks for its connection; nil else
	resumes  uint64
	done     chan struct{} // closed when the session is over
	leaving  sync.Once
	finished chan struct{} // closed when the room is left
}

// SID is the participant's. It is another one after the SDK has had to join anew.
func (s *Session) SID() string { return s.room.LocalParticipant.SID() }

// Codec is what was agreed for a track, as it is written in SDP.
func (s *Session) Codec(track int) string {
	return nameOf(s.tracks[track].codec.MimeType)
}

// WriteRTP sends one packet on a track; SSRC and payload type are filled in. Packets
// of one track must not be written by two goroutines at once. An error means that the
// session is over.
func (s *Session) WriteRTP(track int, h *rtp.Header, payload []byte) error {
	select {
	case <-s.done:
		return s.Err()
	default:
	}
	s.tracks[track].write(h, payload)
	return nil
}

// Done is closed when the session is over. Call Close all the same.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is nil while the session lives.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// end ends the session, once.
func (s *Session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		s.away.Stop()
		s.away = nil
	}
	if s.err == nil {
		s.err = err
		close(s.done)
	}
}

// reconnecting gives the SDK its time to find the connection again.
func (s *Session) reconnecting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.away == nil {
		s.away = time.AfterFunc(s.cfg.Grace, func() {
			s.end(&Error{Op: "session", Err: fmt.Errorf("the connection to LiveKit was lost for %s", s.cfg.Grace)})
		})
	}
}

func (s *Session) reconnected() {
	s.mu.Lock()
	if s.away != nil {
		s.away.Stop()
		s.away = nil
		s.resumes++
	}
	s.mu.Unlock()
	s.cfg.OnKeyFrameRequest() // what was sent meanwhile is lost
}

func (s *Session) disconnected(reason lksdk.DisconnectionReason) {
	s.end(&Error{Op: "session", Err: fmt.Errorf("LiveKit has ended it: %s", reason)})
}

// Close leaves the room. It returns when that is done, or when ctx ends, and then it
// is done all the same.
func (s *Session) Close(ctx context.Context) error {
	s.end(ErrClosed)
	s.leaving.Do(func() {
		go func() {
			defer close(s.finished)
			s.room.Disconnect()
		}()
	})
	select {
	case <-s.finished:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats is a snapshot of a session.
type Stats struct {
	Tracks  []TrackStats
	RTT     time.Duration // 0 if unknown
	Path    Path
	Resumes uint64 // times that a lost connection was found again
	// Searching tells that the connection is lost and looked for.
	Searching bool
	// KeyFramesAsked counts PLI and FIR.
	KeyFramesAsked uint64
}

// TrackStats are the counts of one track.
type TrackStats struct {
	SSRC               uint32
	PacketsSent        uint64 // without those sent again
	BytesSent          uint64 // of payload
	Nacked             uint64 // packets that LiveKit asked for again
	FractionLost       float64
	LastReceiverReport time.Time // zero if there was none
}

// Path is the ICE pair in use.
type Path struct {
	Pair     string // for people: "192.0.2.1:40000 (host) -> 198.51.100.1:7882 (host)"
	Type     string // of the local candidate: host, srflx, prflx or relay
	Protocol string // udp or tcp
}

// Stats may be called at any time from any goroutine.
func (s *Session) Stats() Stats {
	st := Stats{Path: s.path()}
	s.mu.Lock()
	st.Resumes, st.Searching = s.resumes, s.away != nil
	s.mu.Unlock()
	f := s.feedback
	f.mu.Lock()
	defer f.mu.Unlock()
	st.RTT, st.KeyFramesAsked = f.rtt, f.keyAsked
	for _, t := range s.tracks {
		ts := TrackStats{SSRC: t.ssrc(), PacketsSent: t.packets.Load(), BytesSent: t.bytes.Load()}
		if fb := f.counts[ts.SSRC]; fb != nil {
			ts.Nacked, ts.FractionLost, ts.LastReceiverReport = fb.nacked, fb.lost, fb.reported
		}
		st.Tracks = append(st.Tracks, ts)
	}
	return st
}

func (s *Session) path() Path {
	pc := s.room.LocalParticipant.GetPublisherPeerConnection()
	if pc == nil {
		return Path{}
	}
	for _, sender := range pc.GetSenders() {
		t := sender.Transport()
		if t == nil || t.ICETransport() == nil {
			continue
		}
		pair, err := t.ICETransport().GetSelectedCandidatePair()
		if err != nil || pair == nil || pair.Local == nil || pair.Remote == nil {
			continue
		}
		return Path{
			Pair:     candidate(pair.Local) + " -> " + candidate(pair.Remote),
			Type:     pair.Local.Typ.String(),
			Protocol: pair.Local.Protocol.String(),
		}
	}
	return Path{}
}

func candidate(c *webrtc.ICECandidate) string {
	return fmt.Sprintf("%s:%d (%s)", c.Address, c.Port, c.Typ)
}
