package whip

import (
	"slices"
	"time"
)

// history keeps the packets of one track that were sent last, so that a NACK can
// be answered: whole packets, which are made there and encrypted from there. It
// holds a second of the stream: its memory starts small and grows whenever a second of
// packets did not fit, by as little as does, up to a bound: it is most of what a
// session takes. Otherwise keeping a packet allocates nothing. It is not safe for
// concurrent use.
type history struct {
	slots []slot // by sequence number; a power of two
	most  int    // slots
	data  []byte // a ring
	step  int    // data grows by multiples of it
	max   int
	pos   uint64 // bytes written since the start, gaps at the ring's end included

	began       time.Time // with the first packet
	windowStart time.Time // of the current second
	windowBytes int
}

// slot is one packet: what the header needs beside SSRC and payload type, and
// where the payload is.
type slot struct {
	at        uint64        // position in the stream of bytes
	sentAgain time.Duration // since history.began; 0: not at all
	size      uint32
	timestamp uint32
	seq       uint16
	head      uint16 // of size, the RTP header
	marker    bool
	used      bool
}

// kept is what a slot says of a packet.
type kept struct {
	seq       uint16
	timestamp uint32
	marker    bool
	head      int // bytes of RTP header, of which there are few
}

// packet is a kept packet.
type packet struct {
	payload   []byte
	timestamp uint32
	seq       uint16
	marker    bool
}

const (
	historySecond = time.Second
	// resendGap is the least time between two retransmissions of one packet: a
	// NACK that arrives twice, or by way of two viewers, is answered once.
	resendGap = 10 * time.Millisecond
	// historySlots is what a history begins with: half a second of a camera.
	historySlots = 256
)

// newHistory returns a history of at most so many packets (a power of two, below
// 2^15) and bytes.
func newHistory(packets, start, limit int) *history {
	return &history{
		slots: make([]slot, min(packets, historySlots)), most: packets,
		data: make([]byte, start), step: start / 2, max: limit,
	}
}

// newVideoHistory keeps a second of 16 Mb/s in 2 MiB, and of 2,048 packets.
func newVideoHistory() *history { return newHistory(2048, 128<<10, 2<<20) }

// newAudioHistory keeps 5 s of packets of 20 ms.
func newAudioHistory() *history { return newHistory(256, 32<<10, 64<<10) }

// room returns memory for a packet of so many bytes, header included, nil if that is
// too much. It is to be filled in before the next call.
func (h *history) room(k kept, n int, now time.Time) []byte {
	if n > len(h.data) {
		return nil
	}
	if h.began.IsZero() {
		h.began = now
	}
	if now.Sub(h.windowStart) >= historySecond {
		h.windowStart, h.windowBytes = now, 0
	}
	h.windowBytes += n
	if h.windowBytes > len(h.data) && len(h.data) < h.max {
		h.grow()
	}
	size := uint64(len(h.data))
	if used := h.pos % size; used+uint64(n) > size { // positive
		h.pos += size - used // a packet is kept in one piece
	}
	s := h.slot(k.seq)
	if len(h.slots) < h.most && s.used && s.seq != k.seq && h.pos-s.at <= size {
		h.split()
		s = h.slot(k.seq)
	}
	*s = slot{
		at: h.pos, size: uint32(n), head: uint16(k.head), // n is bounded by max, head by few extensions
		timestamp: k.timestamp, seq: k.seq, marker: k.marker, used: true,
	}
	from := h.pos % size
	h.pos += uint64(n) // as above
	return h.data[from : from+uint64(n)]
}

func (h *history) slot(seq uint16) *slot { return &h.slots[int(seq)&(len(h.slots)-1)] }

// split doubles the slots: packets that are still there would have to share one.
func (h *history) split() {
	old := h.slots
	h.slots = make([]slot, 2*len(old))
	for _, s := range old {
		*h.slot(s.seq) = s
	}
}

// grow makes room for what this second has brought so far and a quarter more, and
// lays the packets out anew, the oldest first.
func (h *history) grow() {
	old, want := h.data, max(h.windowBytes, len(h.data)+len(h.data)/4)
	h.data = make([]byte, min((want+h.step-1)/h.step*h.step, h.max))
	var kept []*slot
	for i := range h.slots {
		s := &h.slots[i]
		if s.used = s.used && h.pos-s.at <= uint64(len(old)); s.used {
			kept = append(kept, s)
		}
	}
	slices.SortFunc(kept, func(a, b *slot) int { return int(int64(a.at) - int64(b.at)) }) // far from overflow
	h.pos = 0
	for _, s := range kept {
		from := s.at % uint64(len(old))
		copy(h.data[h.pos:], old[from:from+uint64(s.size)])
		s.at = h.pos
		h.pos += uint64(s.size) // positive
	}
}

// get returns a packet, whose payload is good until the next call of room. It
// reports false if the packet is not there any more, never was, or has just been sent
// again.
func (h *history) get(seq uint16, now time.Time) (packet, bool) {
	s := h.slot(seq)
	size := uint64(len(h.data))
	if !s.used || s.seq != seq || h.pos-s.at > size {
		return packet{}, false
	}
	age := now.Sub(h.began) + 1 // never 0
	if s.sentAgain != 0 && age-s.sentAgain < resendGap {
		return packet{}, false
	}
	s.sentAgain = age
	from := s.at % size
	return packet{
		payload:   h.data[from+uint64(s.head) : from+uint64(s.size)],
		timestamp: s.timestamp, seq: s.seq, marker: s.marker,
	}, true
}
