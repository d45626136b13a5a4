package rtspsrc

import (
	"time"

	"github.com/bluenviron/gortsplib/v5"
)

// reportEvery is the time between receiver reports over TCP, where gortsplib
// sends none. Some cameras count them as the only sign that we are alive.
const reportEvery = 10 * time.Second

// watch ends the session when the video stalls, and sends receiver reports.
func (s *Session) watch() {
	defer s.work.Done()
	s.mu.Lock()
	l, rs := s.link, s.receivers
	s.mu.Unlock()
	if l == nil {
		return
	}
	stall := s.src.cfg.Stall
	tick := time.Second
	if stall > 0 {
		tick = min(tick, max(stall/4, 5*time.Millisecond))
	}
	tick = min(tick, s.src.reportEvery)
	t := time.NewTimer(watchWait(time.Now(), tick))
	defer t.Stop()
	playing := time.Since(s.started)
	reported := time.Now()
	for {
		select {
		case <-s.done:
			return
		case now := <-t.C:
			t.Reset(watchWait(now, tick))
			if stall > 0 && stalled(watched(rs), playing, now.Sub(s.started), stall) {
				s.end(l.fail("receive", ErrStalled))
				return
			}
			if l.proto == gortsplib.ProtocolTCP && now.Sub(reported) >= s.src.reportEvery {
				reported = now
				for _, r := range rs {
					r.sendReport(now)
				}
			}
		}
	}
}

// watchWait is how long to wait for about d. Waits of a second end on a grid, so that
// those of many cameras do not each wake the program up.
func watchWait(now time.Time, d time.Duration) time.Duration {
	const grid = 250 * time.Millisecond
	if d < 2*grid {
		return d
	}
	return now.Add(d).Round(grid).Sub(now)
}

// watched is the receiver whose silence counts: the video's, if it is played.
func watched(rs []*receiver) *receiver {
	for _, r := range rs {
		if r.track.Kind == Video {
			return r
		}
	}
	return rs[0]
}

// stalled decides from times since the session's start. The first packet may take
// twice as long: cameras that wake up on PLAY need it.
func stalled(r *receiver, playing, now, stall time.Duration) bool {
	last := time.Duration(r.last.Load())
	if last == 0 {
		return now-playing > 2*stall
	}
	return now-last > stall
}
