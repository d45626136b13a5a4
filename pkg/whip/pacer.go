package whip

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// pacer is the queue of a session's video. The writer sends by itself whatever may
// leave at once, which is most of a stream; the rest leaves on the pacer's own
// goroutine, a few milliseconds' worth at a time. One mutex guards both, and is
// held while packets are sent, so that they leave in the order of their writes.
type pacer struct {
	cfg      Pacing
	overhead int // of each packet, beyond its payload
	// send sends a packet, again one that was sent before: it returns the size of its
	// payload, 0 if there is nothing to send. flush ends a run.
	send  func(h *rtp.Header, payload []byte)
	again func(seq uint16) int
	flush func()

	aside atomic.Int64 // bytes that went past the queue, and are to be paid for

	mu      sync.Mutex
	bucket  bucket
	meter   meter
	queue   []waiting // from head on
	head    int
	bytes   int // of the queue's payloads and their overhead
	lost    []uint16
	raised  int  // the rate that MaxDelay demands while the queue lasts; 0 for none
	running bool // the goroutine has been told that there is something
	closed  bool
	delays  longest
	count   pacingCounts
	header  rtp.Header // of the packet that is being sent; here, so that none is allocated

	wake chan struct{}
	stop chan struct{}
	done chan struct{}
}

// waiting is a packet in the queue.
type waiting struct {
	at        time.Time // when it was written
	data      *packetBuffer
	size      int
	seq       uint16
	timestamp uint32
	marker    bool
}

// packetBuffer holds a payload. Buffers are shared by all sessions: bursts rarely
// come together.
type packetBuffer struct{ bytes []byte }

var packetBuffers = sync.Pool{New: func() any { return &packetBuffer{make([]byte, 1280)} }}

// pacingCounts are a pacer's part of Stats.
type pacingCounts struct {
	delayed, hastened, refused uint64
}

// newPacer starts a pacer; close ends it.
func newPacer(cfg Pacing, overhead int, send func(*rtp.Header, []byte), again func(uint16) int, flush func()) *pacer {
	p := &pacer{
		cfg: cfg, overhead: overhead, send: send, again: again, flush: flush,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go p.run()
	return p
}

// write sends a packet or queues a copy of it. The caller flushes.
func (p *pacer) write(h *rtp.Header, payload []byte, now time.Time) {
	size := len(payload) + p.overhead
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.meter.add(size, now)
	if p.idle() && p.mayLeave(now) {
		p.pay(size, now, pacingRun)
		p.delays.note(0, now)
		p.send(h, payload)
		return
	}
	for p.bytes+size > pacingBytes && p.queued() > 0 {
		p.count.hastened++
		p.sendFirst(now) // unpaid: a debt would hold the others up beyond MaxDelay
	}
	p.put(h, payload, size, now)
	p.raised = max(p.raised, rateFor(p.bytes, p.cfg.MaxDelay))
	p.rouse()
}

// resend sends packets again, or has them sent before all that waits.
func (p *pacer) resend(seqs []uint16, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	for _, seq := range seqs {
		switch {
		case len(p.lost) == 0 && p.mayLeave(now):
			p.sendAgain(seq, now)
		case slices.Contains(p.lost, seq):
		case len(p.lost) == pacingAgain:
			p.count.refused++
		default:
			p.lost = append(p.lost, seq)
			p.rouse()
		}
	}
}

// run is the pacer's goroutine.
func (p *pacer) run() {
	defer close(p.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-p.wake:
		case <-timer.C:
		}
		if next := p.sendDue(time.Now()); next > 0 {
			timer.Reset(next)
		}
		p.flush()
	}
}

// sendDue sends what may leave. It returns when to go on, 0 if nothing is left.
func (p *pacer) sendDue(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.idle() && !p.closed {
		if !p.mayLeave(now) {
			return p.bucket.wait(now) + pacingRun
		}
		if len(p.lost) > 0 {
			seq := p.lost[0]
			p.lost = slices.Delete(p.lost, 0, 1)
			p.sendAgain(seq, now)
			continue
		}
		if p.raised > p.base(now) {
			p.count.hastened++
		}
		p.pay(p.queue[p.head].size, now, pacingCatchUp)
		p.sendFirst(now)
	}
	p.running, p.raised = false, 0
	return 0
}

// close ends the goroutine. What waits is dropped: the session is over.
func (p *pacer) close() {
	p.mu.Lock()
	was := p.closed
	p.closed = true
	for p.queued() > 0 {
		p.take()
	}
	p.lost = nil
	p.mu.Unlock()
	if !was {
		close(p.stop)
	}
	<-p.done
}

func (p *pacer) stats(now time.Time) PacingStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PacingStats{
		Rate: p.base(now), Auto: p.cfg.Auto, Delay: p.delays.get(now), Queued: p.bytes,
		Delayed: p.count.delayed, Hastened: p.count.hastened, Discarded: p.count.refused,
	}
}

func (p *pacer) queued() int { return len(p.queue) - p.head }
func (p *pacer) idle() bool  { return p.queued() == 0 && len(p.lost) == 0 }

// rouse tells the goroutine that there is something to send.
func (p *pacer) rouse() {
	if !p.running {
		p.running = true
		select {
		case p.wake <- struct{}{}:
		default: // the goroutine was quicker, by its timer
		}
	}
}

// base is the rate without what MaxDelay adds, in bits a second.
func (p *pacer) base(now time.Time) int {
	if !p.cfg.Auto {
		return p.cfg.Rate
	}
	return max(autoLeast, int(autoMultiple*float64(p.meter.rate(now))))
}

func (p *pacer) mayLeave(now time.Time) bool {
	if aside := int(p.aside.Swap(0)); aside > 0 {
		p.pay(aside, now, pacingRun)
	}
	return p.bucket.wait(now) <= 0
}

func (p *pacer) pay(size int, now time.Time, slack time.Duration) {
	p.bucket.spend(size, max(p.base(now), p.raised), now, slack)
}

func (p *pacer) sendAgain(seq uint16, now time.Time) {
	if n := p.again(seq); n > 0 {
		p.pay(n+p.overhead, now, pacingCatchUp)
	}
}

// sendFirst sends the oldest packet of the queue.
func (p *pacer) sendFirst(now time.Time) {
	w := p.take()
	p.count.delayed++
	p.delays.note(now.Sub(w.at), now)
	p.header = rtp.Header{Version: 2, Marker: w.marker, SequenceNumber: w.seq, Timestamp: w.timestamp}
	p.send(&p.header, w.data.bytes[:w.size-p.overhead])
	packetBuffers.Put(w.data)
}

// put appends a packet to the queue.
func (p *pacer) put(h *rtp.Header, payload []byte, size int, now time.Time) {
	data := packetBuffers.Get().(*packetBuffer) //nolint:forcetypeassert // it holds nothing else
	if cap(data.bytes) < len(payload) {
		data.bytes = make([]byte, len(payload))
	}
	copy(data.bytes[:cap(data.bytes)], payload)
	if len(p.queue) == cap(p.queue) && p.head > len(p.queue)/2 {
		p.queue = slices.Delete(p.queue, 0, p.head)
		p.head = 0
	}
	p.queue = append(p.queue, waiting{
		at: now, data: data, size: size, seq: h.SequenceNumber, timestamp: h.Timestamp, marker: h.Marker,
	})
	p.bytes += size
}

// take removes the oldest packet.
func (p *pacer) take() waiting {
	w := p.queue[p.head]
	p.queue[p.head].data = nil
	p.head++
	p.bytes -= w.size
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}
	return w
}
