package batchudp

import (
	"sync"
	"sync/atomic"
	"time"
)

// Forgotten is the longest that a datagram waits when a writer that is trusted to
// flush has not done so.
const Forgotten = 2 * sweepPeriod

// sweepPeriod is between two looks at all sockets. It wakes the program up 50 times
// a second, however many sockets there are, and only while something is sent.
const sweepPeriod = 20 * time.Millisecond

// sweeper sends what trusted writers have forgotten. It looks at all sockets of the
// process together and takes no part in what goes well: a batch costs it two atomic
// operations.
type sweeper struct {
	armed atomic.Bool // the timer runs

	mu    sync.Mutex
	conns map[*Conn]uint64 // with the number of the newest batch at the last look
	timer *time.Timer
}

// sweep is one for all sockets, since what it costs is waking up.
var sweep = newSweeper()

func newSweeper() *sweeper {
	s := &sweeper{conns: map[*Conn]uint64{}}
	s.timer = time.AfterFunc(time.Hour, s.look)
	s.timer.Stop()
	return s
}

func (s *sweeper) add(c *Conn) {
	s.mu.Lock()
	s.conns[c] = 0
	s.mu.Unlock()
}

func (s *sweeper) remove(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// arm sees to it that there will be a look. It is called with the lock of a Conn
// held, and takes none.
func (s *sweeper) arm() {
	if !s.armed.Load() && s.armed.CompareAndSwap(false, true) {
		s.timer.Reset(sweepPeriod)
	}
}

// look sends each batch that was already waiting at the look before. It goes on
// looking while anything is sent.
func (s *sweeper) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scan(true) {
		s.timer.Reset(sweepPeriod)
		return
	}
	s.armed.Store(false)
	if s.scan(false) { // begun in between, by somebody who saw the timer run
		s.arm()
	}
}

// scan reports whether any batch was begun since the scan before or waits.
func (s *sweeper) scan(send bool) (busy bool) {
	for c, seen := range s.conns {
		batch := c.begun.Load()
		if batch == seen && !c.waiting.Load() {
			continue
		}
		busy = true
		if batch != seen {
			if send {
				s.conns[c] = batch
			}
			continue
		}
		if send && c.trusts.Load() && c.sweeping.CompareAndSwap(false, true) {
			c.sweeps.Add(1)
			go c.forgotten(batch) // on its own: the socket may be busy, or full
		}
	}
	return busy
}

// forgotten sends a batch unless that has been done meanwhile.
func (c *Conn) forgotten(batch uint64) {
	defer c.sweeps.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweeping.Store(false)
	if c.begun.Load() != batch || c.closed {
		return
	}
	if c.count > 0 {
		c.late.Add(1)
		c.flush()
	}
	c.disarm()
}
