package parts

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// Subscriber is a participant that watches everything in a room without
// decoding it: it sees what the SFU sends to its viewers.
type Subscriber struct {
	t    testing.TB
	lk   *LiveKit
	room string

	mu   sync.Mutex
	conn *lksdk.Room
	seen map[string][]arrival // by participant identity
}

// arrival is one video packet.
type arrival struct {
	at   time.Time
	key  bool
	ssrc uint32
	ts   uint32 // RTP timestamp
}

// Subscribe joins a room.
func (l *LiveKit) Subscribe(t testing.TB, room string) *Subscriber {
	t.Helper()
	lksdk.SetLogger(logger.GetDiscardLogger())
	s := &Subscriber{t: t, lk: l, room: room, seen: make(map[string][]arrival)}
	s.Rejoin()
	t.Cleanup(func() { s.conn.Disconnect() })
	return s
}

// Rejoin joins the room anew, as a viewer whose server was away does.
func (s *Subscriber) Rejoin() {
	s.t.Helper()
	if s.conn != nil {
		s.conn.Disconnect()
	}
	callbacks := lksdk.NewRoomCallback()
	callbacks.OnTrackSubscribed = func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, p *lksdk.RemoteParticipant) {
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			go s.read(track, p.Identity())
		}
	}
	Eventually(s.t, 10*time.Second, "a viewer joins", func() error {
		conn, err := lksdk.ConnectToRoomWithToken(s.lk.URL(), s.lk.ViewerToken(s.t, s.room, "subscriber"), callbacks,
			lksdk.WithLogger(logger.GetDiscardLogger()))
		if err != nil {
			return err
		}
		s.conn = conn
		return nil
	})
}

// read runs in a goroutine of its own until the track ends.
func (s *Subscriber) read(track *webrtc.TrackRemote, identity string) {
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		a := arrival{at: time.Now(), key: startsKeyFrame(packet.Payload), ssrc: packet.SSRC, ts: packet.Timestamp}
		s.mu.Lock()
		s.seen[identity] = append(s.seen[identity], a)
		s.mu.Unlock()
	}
}

// startsKeyFrame tells whether an H.264 payload holds a sequence parameter set
// or the start of an IDR picture.
func startsKeyFrame(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	switch kind := h264.NALUType(payload[0] & 0x1f); kind {
	case h264.NALUTypeSPS, h264.NALUTypeIDR, h264.NALUTypeSTAPA:
		return true // the STAP-A of a camera without SEI holds parameter sets
	case h264.NALUTypeFUA:
		return payload[1]&0x80 != 0 && h264.NALUType(payload[1]&0x1f) == h264.NALUTypeIDR
	}
	return false
}

// FlowsSince returns nil if a participant's video has come through since then:
// a key frame, and more packets after it over at least half a second.
func (s *Subscriber) FlowsSince(identity string, since time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first time.Time
	n := 0
	for _, a := range s.seen[identity] {
		if a.at.Before(since) || (first.IsZero() && !a.key) {
			continue
		}
		if first.IsZero() {
			first = a.at
		}
		n++
		if n >= 10 && a.at.Sub(first) >= 500*time.Millisecond {
			return nil
		}
	}
	return fmt.Errorf("%s: %d video packets since the first key frame", identity, n)
}

// Packets counts a participant's video packets so far.
func (s *Subscriber) Packets(identity string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen[identity])
}

// LongestGap is the longest time without a packet of a participant in [from, to].
func (s *Subscriber) LongestGap(identity string, from, to time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, gap := from, time.Duration(0)
	for _, a := range s.seen[identity] {
		if a.at.Before(from) || a.at.After(to) {
			continue
		}
		gap = max(gap, a.at.Sub(last))
		last = a.at
	}
	return max(gap, to.Sub(last))
}

// MissedSince is the longest time of a participant's video that has not come since then:
// by the video's own timestamps, so that a busy machine, where everything comes late, has
// missed nothing. It is an error if nothing has come after now, or by another track.
func (s *Subscriber) MissedSince(identity string, since, now time.Time) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last arrival
	var missed time.Duration
	for _, a := range s.seen[identity] {
		if a.at.After(since) && !last.at.IsZero() {
			if a.ssrc != last.ssrc {
				return 0, Hopeless(fmt.Errorf("%s: another track since %s", identity, a.at.Format(time.TimeOnly)))
			}
			missed = max(missed, time.Duration(int32(a.ts-last.ts))*time.Second/90000)
		}
		last = a
	}
	if !last.at.After(now) {
		return 0, fmt.Errorf("%s: nothing comes any more", identity)
	}
	return missed, nil
}

// FirstKeyFrame is how long after since the first of a participant's key frames began.
func (s *Subscriber) FirstKeyFrame(identity string, since time.Time) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.seen[identity] {
		if a.key && a.at.After(since) {
			return a.at.Sub(since), true
		}
	}
	return 0, false
}

// Leave leaves the room.
func (s *Subscriber) Leave() { s.conn.Disconnect() }
