package whip

import "time"

// budget bounds what is sent again: a server that asks for everything, over and over,
// must not have its way. Where there is a pacer, that does it. It is used by the
// goroutine that reads RTCP alone.
type budget struct {
	bucket bucket
	rate   int // of the stream itself, bits a second

	at    time.Time // of the last look
	bytes uint64    // of the stream by then
	again uint64    // bytes sent again
}

const (
	// budgetMultiple of the stream's rate: all of it may be lost for a while, and what
	// is sent again may be lost once more.
	budgetMultiple = 2
	// budgetLeast leaves room for the burst that a key frame is.
	budgetLeast = 10_000_000
	// budgetSlack is how much of the rate is saved up.
	budgetSlack = time.Second
	// budgetSpan is between two looks at the stream's rate.
	budgetSpan = time.Second
)

// allows reports whether something may be sent again. sent is what the stream has sent,
// retransmissions included, in bytes.
func (b *budget) allows(sent uint64, now time.Time) bool {
	own := sent - b.again
	switch span := now.Sub(b.at); {
	case b.at.IsZero():
		b.at, b.bytes = now, own
	case span >= budgetSpan:
		b.rate = rateFor(int(own-b.bytes), span) // bytes of some time
		b.at, b.bytes = now, own
	}
	return b.bucket.wait(now) <= 0
}

// spend pays for so many bytes that were sent again.
func (b *budget) spend(size int, now time.Time) {
	b.again += uint64(size) // positive
	b.bucket.spend(size, max(budgetLeast, budgetMultiple*b.rate), now, budgetSlack)
}
