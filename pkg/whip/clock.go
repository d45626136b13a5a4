package whip

import "time"

// steadyClock tells which RTP timestamp belongs to which time of this machine, for
// sender reports. Packets come late, and each by another time: a report made of the
// newest packet alone would have the stream's clock run fast now and slow then, which
// receivers take for a broken clock. What came soonest after its timestamp within the
// last seconds is nearest to the truth, and the truth moves slowly.
type steadyClock struct {
	rate uint32 // Hz

	// A point of the line: this timestamp belongs to this time.
	timestamp uint32
	at        time.Time
	begun     time.Time // when the line was laid
	newest    time.Time // arrival of the newest packet

	// The least lateness against the line in the present and in the last span.
	now, before time.Duration
	since       time.Time
	filled      bool // there is a last span
}

const (
	// clockSpan is half of the time over which the soonest packet counts: a camera's
	// worst second, a stall of its network included, does not fill it.
	clockSpan = 5 * time.Second
	// clockLearns is how long the line follows each sooner packet at once: the first
	// ones of a session may all have come late.
	clockLearns = 2 * time.Second
	// clockSlew is how fast the line moves later: a camera's crystal is off by less
	// than a tenth of that, and receivers put up with ten times as much.
	clockSlew = 200 // one part in so many
	// clockJump is more than lateness: the timestamps have jumped.
	clockJump = 500 * time.Millisecond
)

// observe notes the first packet of a timestamp.
func (c *steadyClock) observe(timestamp uint32, now time.Time) {
	if c.at.IsZero() || c.rate == 0 {
		c.lay(timestamp, now)
		return
	}
	predicted := c.time(timestamp)
	late, passed := now.Sub(predicted), now.Sub(c.newest)
	c.timestamp, c.at, c.newest = timestamp, predicted, now
	c.note(late, now)
	least := c.least()
	settled := c.filled || now.Sub(c.begun) > 2*clockSpan
	switch {
	case late < -clockJump, settled && least > clockJump:
		c.lay(timestamp, now)
	case now.Sub(c.begun) < clockLearns:
		c.shift(min(least, 0))
	default:
		most := max(passed, 0) / clockSlew
		c.shift(max(-most, min(least, most)))
	}
}

// lay begins a new line.
func (c *steadyClock) lay(timestamp uint32, now time.Time) {
	*c = steadyClock{rate: c.rate, timestamp: timestamp, at: now, begun: now, newest: now, since: now}
}

// note keeps the least lateness of each span.
func (c *steadyClock) note(late time.Duration, now time.Time) {
	switch age := now.Sub(c.since); {
	case age >= 2*clockSpan: // nothing came for long
		c.filled = false
		c.now, c.since = late, now
	case age >= clockSpan:
		c.before, c.filled = c.now, true
		c.now, c.since = late, now
	default:
		c.now = min(c.now, late)
	}
}

func (c *steadyClock) least() time.Duration {
	if c.filled {
		return min(c.now, c.before)
	}
	return c.now
}

// shift moves the line, by which everything is less late.
func (c *steadyClock) shift(by time.Duration) {
	c.at = c.at.Add(by)
	c.now -= by
	c.before -= by
}

// time is when a timestamp should have come.
func (c *steadyClock) time(timestamp uint32) time.Time {
	ticks := int64(int32(timestamp - c.timestamp)) // modulo 2^32
	rate, second := int64(c.rate), int64(time.Second)
	return c.at.Add(time.Duration(ticks/rate*second + ticks%rate*second/rate))
}

// stamp is the timestamp of a time.
func (c *steadyClock) stamp(now time.Time) uint32 {
	elapsed := int64(now.Sub(c.at)) // negative when a packet came after the look at the clock
	rate, second := int64(c.rate), int64(time.Second)
	return c.timestamp + uint32(elapsed/second*rate+elapsed%second*rate/second) // modulo 2^32
}
