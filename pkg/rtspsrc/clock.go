package rtspsrc

import (
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/ntp"
	"github.com/pion/rtcp"
)

// Two sender reports agree if the camera's clock and its RTP timestamps have gone
// on by the same time, and the camera's clock by that of ours. The first is
// arithmetic in the camera; the second has the network's delay in it.
const (
	reportSkew  = 100 * time.Millisecond
	clockSkew   = time.Second
	skewPerTime = 100 // one part in so many on top: cameras' clocks are poor
)

// senderClock is what the camera's sender reports tell about its clock.
type senderClock struct {
	seen   bool
	agreed bool // the last two reports agree
	ntp    uint64
	rtp    uint32
	at     time.Time // when the last one came
	bad    uint64    // reports that were not used
}

// take notes a sender report.
func (c *senderClock) take(sr *rtcp.SenderReport, clockRate int, now time.Time) {
	if sr.NTPTime == 0 {
		c.bad++
		return
	}
	last := *c
	c.seen, c.ntp, c.rtp, c.at = true, sr.NTPTime, sr.RTPTime, now
	if !last.seen {
		return
	}
	wall := ntp.Decode(c.ntp).Sub(ntp.Decode(last.ntp))
	ours := now.Sub(last.at)
	allowed := max(ours, 0) / skewPerTime
	media := time.Duration(0)
	if clockRate > 0 {
		media = time.Duration(float64(int32(c.rtp-last.rtp)) / float64(clockRate) * float64(time.Second))
	}
	c.agreed = clockRate > 0 && wall > 0 &&
		(wall-media).Abs() <= reportSkew+allowed && (wall-ours).Abs() <= clockSkew+allowed
	if !c.agreed {
		c.bad++
	}
}

// SenderTime returns a point of the camera's clock and the RTP timestamp that a
// track has there, from the last RTCP sender report. ok is false unless that
// report agrees with the one before, and belongs to the packets that come now: cameras
// step their clocks, or have none.
//
// Two tracks of one session may be related by it: what was seen and heard at once has
// the same time. As a time of day it is only as good as the camera's clock, which may
// be years off; two cameras must not be compared by it, nor one with itself after
// it was opened again. It takes two reports until it is known, with many cameras ten
// seconds or more, some never send one, and it goes on from where it was when the
// camera sets its clock: whoever uses it should wait until its answers are steady.
func (s *Session) SenderTime(track Track) (at time.Time, rtp uint32, ok bool) {
	s.mu.Lock()
	rs := s.receivers
	s.mu.Unlock()
	for _, r := range rs {
		if r.track.ID == track.ID {
			r.mu.Lock()
			defer r.mu.Unlock()
			return ntp.Decode(r.clock.ntp), r.clock.rtp, r.clock.agreed
		}
	}
	return time.Time{}, 0, false
}
