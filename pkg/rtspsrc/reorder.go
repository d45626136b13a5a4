package rtspsrc

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"
)

const (
	// reorderWindow is how many packets may be missing in front of a held one.
	// It divides 65536, so that a slot belongs to one sequence number of a window.
	reorderWindow = 512
	// lateRun is how many packets in a row may come too late before the sequence
	// is taken for one that has begun anew.
	lateRun = 32
	// reorderSources is how many SSRCs on one socket are told apart.
	reorderSources = 4
)

// datagram is a packet that is held back.
type datagram struct {
	b       []byte
	from    *net.UDPAddr
	arrived time.Time
}

// reorderer puts RTP packets back into the order of their sequence numbers. No
// packet is held longer than delay: what is missing then is lost, and the
// packets after it go on. It is not safe for concurrent use, its counters are.
type reorderer struct {
	delay   time.Duration
	sources [reorderSources]rtpOrder
	turn    int         // the source to give up next
	queue   []*datagram // released, to be handed over before anything else
	taken   int         // how many of queue were taken
	free    []*datagram

	reordered atomic.Uint64 // packets that waited and whose gap was filled
	late      atomic.Uint64 // duplicates, and packets that came after their time
}

// rtpOrder is one SSRC's place in its sequence.
type rtpOrder struct {
	used  bool
	ssrc  uint32
	next  uint16
	late  int // too late, in a row
	held  int
	first time.Time // arrival of the packet that has waited longest
	slots []*datagram
}

// isRTP tells RTP from RTCP and anything else (RFC 5761 section 4: the payload
// types that collide with RTCP are reserved).
func isRTP(b []byte) bool {
	return len(b) >= 12 && b[0]>>6 == 2 && !(b[1] >= 192 && b[1] <= 193 || b[1] >= 200 && b[1] <= 207)
}

// push takes an RTP packet and reports whether it may pass at once. If not, it was
// copied, to come out of pop, or dropped as a duplicate or as too late.
func (r *reorderer) push(b []byte, from *net.UDPAddr, arrived time.Time) bool {
	seq := binary.BigEndian.Uint16(b[2:])
	o := r.source(binary.BigEndian.Uint32(b[8:]), seq)
	ahead := seq - o.next
	behind := -ahead
	switch {
	case ahead == 0:
		o.next++
		o.late = 0
		now := r.taken == len(r.queue)
		if !now {
			r.queue = append(r.queue, r.hold(b, from, arrived))
		}
		n := r.follow(o)
		if n > 0 {
			r.reordered.Add(uint64(n))
			o.rescan()
		}
		return now
	case ahead < reorderWindow:
		o.late = 0
		if o.slots == nil {
			o.slots = make([]*datagram, reorderWindow)
		}
		slot := &o.slots[seq%reorderWindow]
		if *slot != nil {
			r.late.Add(1)
			return false
		}
		if o.held == 0 {
			o.first = arrived
		}
		*slot = r.hold(b, from, arrived)
		o.held++
		return false
	case behind <= reorderWindow:
		if o.late++; o.late < lateRun {
			r.late.Add(1)
			return false
		}
	}
	// Too far ahead to wait for what is missing, or a new beginning.
	r.release(o, func(*datagram) bool { return true })
	o.next, o.late = seq+1, 0
	if r.taken < len(r.queue) {
		r.queue = append(r.queue, r.hold(b, from, arrived))
		return false
	}
	return true
}

// source returns the place of an SSRC. A new one begins with seq, and what others
// still hold goes first: cameras that change their SSRC do not go back.
func (r *reorderer) source(ssrc uint32, seq uint16) *rtpOrder {
	for i := range r.sources {
		if o := &r.sources[i]; o.used && o.ssrc == ssrc {
			return o
		}
	}
	for i := range r.sources {
		r.release(&r.sources[i], func(*datagram) bool { return true })
	}
	o := &r.sources[r.turn]
	r.turn = (r.turn + 1) % reorderSources
	*o = rtpOrder{used: true, ssrc: ssrc, next: seq, slots: o.slots}
	return o
}

// follow queues what is held right behind the last packet.
func (r *reorderer) follow(o *rtpOrder) (n int) {
	for o.held > 0 && o.slots[o.next%reorderWindow] != nil {
		slot := &o.slots[o.next%reorderWindow]
		r.queue = append(r.queue, *slot)
		*slot = nil
		o.held--
		o.next++
		n++
	}
	return n
}

// release queues, in order, held packets up to the last one that is due, and what
// follows it without a gap. What is missing between them is given up.
func (r *reorderer) release(o *rtpOrder, due func(*datagram) bool) {
	if o.held == 0 {
		return
	}
	last := -1
	for i := range reorderWindow {
		if d := o.slots[(int(o.next)+i)%reorderWindow]; d != nil && due(d) {
			last = i
		}
	}
	for i := 0; i <= last; i++ {
		if slot := &o.slots[o.next%reorderWindow]; *slot != nil {
			r.queue = append(r.queue, *slot)
			*slot = nil
			o.held--
		}
		o.next++
	}
	r.follow(o)
	o.rescan()
}

// rescan finds the packet that has waited longest.
func (o *rtpOrder) rescan() {
	o.first = time.Time{}
	left := o.held
	for i := 0; left > 0; i++ {
		if d := o.slots[i]; d != nil {
			left--
			if o.first.IsZero() || d.arrived.Before(o.first) {
				o.first = d.arrived
			}
		}
	}
}

// deadline is when the packet that has waited longest must go; zero if none waits.
func (r *reorderer) deadline() (t time.Time) {
	for i := range r.sources {
		if o := &r.sources[i]; o.held > 0 && (t.IsZero() || o.first.Before(t)) {
			t = o.first
		}
	}
	if t.IsZero() {
		return t
	}
	return t.Add(r.delay)
}

// expire releases the packets whose time is up.
func (r *reorderer) expire(now time.Time) {
	for i := range r.sources {
		r.release(&r.sources[i], func(d *datagram) bool { return !now.Before(d.arrived.Add(r.delay)) })
	}
}

// pop returns the next released packet, nil if there is none. It is good until
// drop is called with it.
func (r *reorderer) pop() *datagram {
	if r.taken == len(r.queue) {
		r.queue, r.taken = r.queue[:0], 0
		return nil
	}
	d := r.queue[r.taken]
	r.taken++
	return d
}

func (r *reorderer) hold(b []byte, from *net.UDPAddr, arrived time.Time) *datagram {
	var d *datagram
	if n := len(r.free); n > 0 {
		d, r.free = r.free[n-1], r.free[:n-1]
	} else {
		d = &datagram{b: make([]byte, 0, 1500)}
	}
	d.b, d.from, d.arrived = append(d.b[:0], b...), from, arrived
	return d
}

// drop takes a packet's memory back.
func (r *reorderer) drop(d *datagram) {
	if len(r.free) < reorderWindow && cap(d.b) <= 4096 {
		r.free = append(r.free, d)
	}
}
