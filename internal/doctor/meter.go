package doctor

import (
	"math"
	"sync"
	"time"
)

// meter measures a video track by its packets as they come.
type meter struct {
	videoID   int
	clockRate int

	mu          sync.Mutex
	first, last time.Time // arrival
	bytes       int
	frames      int // timestamps seen
	ts          uint32
	marked      bool // the last packet had the marker
	ended       int  // frames whose last packet had it
	early       int  // markers within a frame
	jumps       int  // timestamps that step back, or by more than 5 s

	elapsed int64         // of the camera's clock since the first packet, in ticks
	delays  []delay       // one a frame
	keys    []keyFrame    // in order of arrival
	largest time.Duration // between two packets
}

type delay struct {
	at time.Time
	by time.Duration // arrival minus timestamp, from an unknown zero
}

type keyFrame struct {
	at    time.Time
	frame int
	ticks int64 // of the camera's clock since the first packet
}

// mostFrames bounds what is kept: 11 s of 120 frames a second.
const mostFrames = 4096

// packet takes one of the track.
func (m *meter) packet(ts uint32, marker bool, size int, arrived time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += size
	if m.first.IsZero() {
		m.first, m.ts, m.last = arrived, ts, arrived
		m.frame(arrived)
		m.marked = marker
		return
	}
	m.largest = max(m.largest, arrived.Sub(m.last))
	m.last = arrived
	if ts == m.ts {
		if m.marked {
			m.early++
		}
		m.marked = marker
		return
	}
	if m.marked {
		m.ended++
	}
	step := int64(int32(ts - m.ts))
	if step < -int64(m.clockRate) || step > 5*int64(m.clockRate) {
		m.jumps++
		m.delays = nil
	}
	m.elapsed += step
	m.ts, m.marked = ts, marker
	m.frame(arrived)
}

func (m *meter) frame(arrived time.Time) {
	m.frames++
	if len(m.delays) < mostFrames {
		true_ := time.Duration(float64(m.elapsed) / float64(m.clockRate) * float64(time.Second))
		m.delays = append(m.delays, delay{arrived, arrived.Sub(m.first) - true_})
	}
}

// key takes a key frame, which began to arrive at that time.
func (m *meter) key(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.keys) < mostFrames {
		m.keys = append(m.keys, keyFrame{at, m.frames, m.elapsed})
	}
}

func (m *meter) firstPacket() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first
}

// gopKnown tells that two key frames have come.
func (m *meter) gopKnown() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.keys) > 1
}

// measured is what a meter has found.
type measured struct {
	span    time.Duration
	fps     float64 // frames a second
	bitrate float64 // bits a second
	frames  int
	ended   int // of frames, those that a marker ended
	early   int
	jumps   int
	gap     time.Duration // the longest between two packets
	keys    []keyFrame
	rate    int     // of the timestamps, ticks a second
	drift   float64 // part by which the camera's clock is fast, as far as it can be told
	driftOK bool
}

func (m *meter) measured() measured {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := measured{
		span: m.last.Sub(m.first), frames: m.frames, ended: m.ended, early: m.early, jumps: m.jumps, gap: m.largest,
		keys: append([]keyFrame(nil), m.keys...), rate: m.clockRate,
	}
	if s := out.span.Seconds(); s > 0.5 && m.frames > 1 {
		out.fps = float64(m.frames-1) / s
		out.bitrate = float64(m.bytes*8) / s
	}
	out.drift, out.driftOK = driftOf(m.delays)
	return out
}

// apart is the distance of two key frames by the camera's clock, since arrivals wander
// with what network and box have to do; by these where the timestamps jump.
func (m measured) apart(a, b keyFrame) time.Duration {
	if m.jumps > 0 || m.rate <= 0 {
		return b.at.Sub(a.at)
	}
	return time.Duration(b.ticks-a.ticks) * time.Second / time.Duration(m.rate)
}

// driftOf compares the quickest frame of the first third with that of the last. A
// frame can be late for many reasons, but never early, so the quickest tell the clock.
func driftOf(d []delay) (float64, bool) {
	if len(d) < 30 {
		return 0, false
	}
	least := func(d []delay) delay {
		best := d[0]
		for _, x := range d[1:] {
			if x.by < best.by {
				best = x
			}
		}
		return best
	}
	a, b := least(d[:len(d)/3]), least(d[len(d)*2/3:])
	over := b.at.Sub(a.at).Seconds()
	if over < 1 {
		return 0, false
	}
	return -(b.by - a.by).Seconds() / over, true
}

// round rounds to so many decimals.
func round(x float64, decimals int) float64 {
	p := math.Pow(10, float64(decimals))
	return math.Round(x*p) / p
}

// soundMeter counts packets of audio tracks.
type soundMeter struct {
	mu      sync.Mutex
	packets map[int]int
}

func (s *soundMeter) push(track int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packets == nil {
		s.packets = map[int]int{}
	}
	s.packets[track]++
}

func (s *soundMeter) count(track int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets[track]
}
