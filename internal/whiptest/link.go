package whiptest

import (
	"sync"
	"time"
)

// overhead is what IPv4 and UDP add to a datagram, in bytes.
const overhead = 28

// link is a way that carries so much and no more: a token bucket. What comes when it
// is empty is lost, as where a router's queue is full.
type link struct {
	rate  float64 // bytes a second
	depth float64 // bytes

	mu     sync.Mutex
	tokens float64 // bytes
	at     time.Time
}

func newLink(bits int) *link {
	rate := float64(bits) / 8
	return &link{rate: rate, depth: rate / 4, tokens: rate / 4, at: time.Now()}
}

// carries reports whether a datagram of so many bytes gets through now.
func (l *link) carries(size int) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tokens = min(l.tokens+l.rate*now.Sub(l.at).Seconds(), l.depth)
	l.at = now
	if need := float64(size + overhead); l.tokens >= need {
		l.tokens -= need
		return true
	}
	return false
}
