package viewer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// What a preview may fall behind by: a key frame of a 4K camera, or about two
// seconds of a usual one.
const (
	queuePackets = 2048
	queueBytes   = 2 << 20 // of payload
)

// askAgain is how often a key frame is asked for while none comes.
const askAgain = 2 * time.Second

// queued is one packet of a queue.
type queued struct {
	track   *previewTrack
	marker  bool
	ts      uint32
	payload []byte // its memory is used again
}

// queue lies between a camera's packet path, which never waits for it, and the
// goroutine that sends to one browser. When it is full, video is dropped until the
// next key frame begins: half a picture is of no use, nor are those that refer to it.
type queue struct {
	wake chan struct{} // capacity 1: there is something to send
	open atomic.Bool   // packets are wanted: the browser has connected

	mu      sync.Mutex
	ring    []queued
	head, n int
	bytes   int
	waiting bool      // for a key frame
	asked   time.Time // for one; zero: not for this one yet
	lapsed  bool      // waiting because packets were dropped, not because nothing was sent yet
	dropped uint64    // packets
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1), waiting: true} }

// begin lets packets in. Those of before would not have reached the browser.
func (q *queue) begin(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.asked = true, now
	q.open.Store(true)
}

// end lets no more in.
func (q *queue) end() {
	q.open.Store(false)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ring, q.head, q.n, q.bytes = nil, 0, 0, 0
}

// restart drops what there is and waits for a key frame again.
func (q *queue) restart() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n, q.bytes, q.waiting, q.asked = 0, 0, true, time.Time{}
}

// put takes a packet of an open queue. ask says that a key frame is to be asked for.
func (q *queue) put(t *previewTrack, video, start bool, h *rtp.Header, payload []byte) (ask bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	full := q.n >= queuePackets || q.bytes+len(payload) > queueBytes
	switch {
	case full && video:
		q.waiting, q.lapsed = true, true
		q.dropped++
		return q.askNow()
	case full:
		q.dropped++
		return false
	case video && q.waiting && !start:
		if q.lapsed {
			q.dropped++
		}
		return q.askNow()
	case video:
		q.waiting, q.lapsed, q.asked = false, false, time.Time{}
	}
	q.add(queued{track: t, marker: h.Marker, ts: h.Timestamp}, payload)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return false
}

// askNow says whether to ask for a key frame now; mu is held.
func (q *queue) askNow() bool {
	now := time.Now()
	if !q.asked.IsZero() && now.Sub(q.asked) < askAgain {
		return false
	}
	q.asked = now
	return true
}

// add keeps a packet for which there is room; mu is held.
func (q *queue) add(p queued, payload []byte) {
	if q.n == len(q.ring) {
		// Grown by half, in order from the front.
		ring := make([]queued, max(64, len(q.ring)+len(q.ring)/2))
		for i := range q.ring {
			ring[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = ring, 0
	}
	at := &q.ring[(q.head+q.n)%len(q.ring)]
	p.payload = append(at.payload[:0], payload...)
	*at = p
	q.n++
	q.bytes += len(payload)
}

// take moves the oldest packet into p, whose memory goes into the queue.
func (q *queue) take(p *queued) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return false
	}
	at := &q.ring[q.head]
	*p, at.payload = *at, p.payload
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	q.bytes -= len(p.payload)
	return true
}

// lost is how many packets were dropped.
func (q *queue) lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
