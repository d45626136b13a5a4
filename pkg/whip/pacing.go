package whip

import (
	"errors"
	"fmt"
	"time"
)

// Pacing spreads a burst of video over time, so that a key frame does not drown a
// thin uplink or a small receive buffer. The zero value is none: packets leave as
// they are written, and nothing is spent on it.
//
// With pacing, a packet that may not leave yet waits in a queue, the only one on
// the way of a packet. The queue never changes the order and never drops: a packet
// that would wait longer than MaxDelay raises the rate until the queue is empty
// again, and one that does not fit into 4 MiB makes the oldest leave at once; both
// are counted in Stats. Audio and RTCP never wait, but count. Packets that the
// server asks for again go before the others, at the same rate.
type Pacing struct {
	// Rate in bits a second, IP headers included. Take a little less than the
	// uplink carries. It has to be above the mean of the stream.
	Rate int
	// Auto takes two and a half times the stream's own mean of the last seconds in
	// place of a Rate: enough for most receive buffers, and no promise for an uplink.
	Auto bool
	// MaxDelay is the longest that a packet waits. Zero means 2 s with a Rate, and
	// half a second with Auto.
	MaxDelay time.Duration
}

// on tells whether there is any.
func (p Pacing) on() bool { return p.Auto || p.Rate != 0 }

const (
	// minPacing is 5 packets a second: with less, nothing is a stream.
	minPacing = 50_000
	// autoMultiple is what is left to make up for a burst before the next comes. The
	// WebRTC library of browsers uses the same figure.
	autoMultiple = 2.5
	// autoLeast is a picture of 25 kB in 0.2 s, for cameras that hardly send.
	autoLeast = 1_000_000
	// pacingRun is between two runs of a waiting queue: few system calls, few
	// wake-ups, and less than any receive buffer.
	pacingRun = 5 * time.Millisecond
	// pacingCatchUp is how far a run that is late, on a busy machine or where timers
	// are coarse, may make up for it.
	pacingCatchUp = 30 * time.Millisecond
	// pacingBytes bounds the queue: the largest IDR of a 4K camera, twice.
	pacingBytes = 4 << 20
	// pacingAgain bounds the packets that wait to be sent again. The server asks for
	// what did not fit once more.
	pacingAgain = 1024
)

func (p Pacing) withDefaults() (Pacing, error) {
	switch {
	case p.Auto && p.Rate != 0:
		return p, errors.New("pacing by itself and at a rate")
	case p.Rate < 0, p.Rate > 0 && p.Rate < minPacing:
		return p, fmt.Errorf("pacing at %d bit/s, less than %d", p.Rate, minPacing)
	case p.MaxDelay < 0:
		return p, fmt.Errorf("pacing with a delay of %v", p.MaxDelay)
	case p.MaxDelay != 0:
	case p.Auto:
		p.MaxDelay = 500 * time.Millisecond
	default:
		p.MaxDelay = 2 * time.Second
	}
	return p, nil
}

// bucket is a token bucket as a point in time: when all that has been sent is paid
// for. Another packet may leave from then on. What it leaves unused is kept no
// longer than the given slack.
type bucket struct{ due time.Time }

// wait is how long nothing may leave; zero or less means that something may.
func (b *bucket) wait(now time.Time) time.Duration { return b.due.Sub(now) }

// spend pays for so many bytes at a rate in bits a second.
func (b *bucket) spend(size, rate int, now time.Time, slack time.Duration) {
	if oldest := now.Add(-slack); b.due.Before(oldest) {
		b.due = oldest
	}
	b.due = b.due.Add(duration(size, rate))
}

// duration of so many bytes at a rate in bits a second.
func duration(size, rate int) time.Duration {
	return time.Duration(int64(size) * 8 * int64(time.Second) / int64(max(rate, 1)))
}

// rateFor is the rate, in bits a second, at which so many bytes take so long.
func rateFor(size int, d time.Duration) int {
	return int(int64(size) * 8 * int64(time.Second) / max(int64(d), 1))
}

// meter measures the mean rate of what is written, over a few seconds: as a rule, a
// group of pictures or two.
type meter struct {
	bytes [meterParts]int
	begun time.Time // when the first byte came
	part  int64     // number of the newest part since then
}

const (
	meterParts = 16
	meterPart  = 250 * time.Millisecond
)

func (m *meter) add(size int, now time.Time) {
	if m.begun.IsZero() {
		m.begun = now
	}
	m.advance(now)
	m.bytes[m.part%meterParts] += size
}

// advance empties the parts that have passed.
func (m *meter) advance(now time.Time) {
	part := int64(now.Sub(m.begun) / meterPart)
	if part-m.part > meterParts {
		m.part = part - meterParts
	}
	for m.part < part {
		m.part++
		m.bytes[m.part%meterParts] = 0
	}
}

// rate is in bits a second. In the first second, what has come so far counts as a
// second's.
func (m *meter) rate(now time.Time) int {
	if m.begun.IsZero() {
		return 0
	}
	m.advance(now)
	sum := 0
	for _, n := range m.bytes {
		sum += n
	}
	span := now.Sub(m.begun)
	if whole := now.Sub(m.begun.Add(time.Duration(m.part-meterParts+1) * meterPart)); whole < span {
		span = whole // of the parts that are kept
	}
	return rateFor(sum, max(span, time.Second))
}

// longest is the largest of the durations noted within the last seconds.
type longest struct {
	now, before time.Duration
	since       time.Time
}

const longestSpan = 5 * time.Second

func (l *longest) note(d time.Duration, now time.Time) {
	l.turn(now)
	l.now = max(l.now, d)
}

func (l *longest) turn(now time.Time) {
	switch age := now.Sub(l.since); {
	case age >= 2*longestSpan:
		*l = longest{since: now}
	case age >= longestSpan:
		*l = longest{before: l.now, since: l.since.Add(longestSpan)}
	}
}

// get covers five to ten seconds.
func (l *longest) get(now time.Time) time.Duration {
	l.turn(now)
	return max(l.now, l.before)
}
