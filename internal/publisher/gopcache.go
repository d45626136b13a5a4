package publisher

import (
	"cmp"
	"sync"

	"github.com/pion/rtp"
)

// A camera's packets between its last key frame and the moment a session
// connects, so that the first viewer need not wait for the next key frame. It
// is filled only while no session is connected, and bounded: a flood of old
// packets would drown the uplink it is meant to help.
const (
	gopCacheBytes   = 512 << 10
	gopCachePackets = 1024
)

// keptBlock is a piece of memory for payloads. All cameras share them: while a server
// is down, groups of pictures are kept and thrown away all the time.
type keptBlock [32 << 10]byte

var keptBlocks = sync.Pool{New: func() any { return new(keptBlock) }}

type gopCache struct {
	mostBytes, mostPackets int // 0: gopCacheBytes and gopCachePackets

	packets []cachedPacket
	blocks  []*keptBlock // with the payloads, one after the other
	used    int          // bytes of the last block
	size    int          // bytes of all payloads
	units   uint32       // access units begun
	broken  bool         // too large, or no key frame seen yet: nothing worth keeping
}

// cachedPacket has of a header what differs from packet to packet. There are no
// pointers in it, so that the garbage collector need not look.
type cachedPacket struct {
	timestamp    uint32
	unit         uint32 // the access unit it belongs to, counted from 1
	number       uint16 // RTP's sequence number
	block        uint16 // where its payload is
	start, bytes uint16
	marker       bool
}

func (p cachedPacket) header() rtp.Header {
	return rtp.Header{Version: 2, Marker: p.marker, SequenceNumber: p.number, Timestamp: p.timestamp}
}

// startsKeyFrame tells the packet that opens a key frame: repack sends the
// parameter sets in packets of their own right before each IDR.
func startsKeyFrame(codec string, payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	if codec == CodecH265 {
		t := payload[0] >> 1 & 0x3f
		return t == 48 || t == 32 // AP, VPS
	}
	t := payload[0] & 0x1f
	return t == 24 || t == 7 // STAP-A, SPS
}

// newUnit tells whether an access unit begins with this header.
func (c *gopCache) newUnit(h *rtp.Header) bool {
	return len(c.packets) == 0 || c.packets[len(c.packets)-1].timestamp != h.Timestamp
}

// add keeps one packet; key says whether a key frame begins with it. Header extensions are not kept: there are none yet
// where repack writes.
func (c *gopCache) add(h *rtp.Header, payload []byte, key bool) {
	newUnit := c.newUnit(h)
	if newUnit && key {
		c.reset()
	} else if len(c.packets) == 0 {
		return // joined in mid-GOP: useless without its key frame
	}
	if c.broken {
		return
	}
	if c.size+len(payload) > cmp.Or(c.mostBytes, gopCacheBytes) || len(c.packets) >= cmp.Or(c.mostPackets, gopCachePackets) ||
		len(payload) > len(keptBlock{}) {
		c.reset()
		c.broken = true
		return
	}
	if newUnit {
		c.units++
	}
	if len(c.blocks) == 0 || c.used+len(payload) > len(keptBlock{}) {
		c.blocks, c.used = append(c.blocks, keptBlocks.Get().(*keptBlock)), 0
	}
	copy(c.blocks[len(c.blocks)-1][c.used:], payload)
	c.packets = append(c.packets, cachedPacket{
		timestamp: h.Timestamp, unit: c.units, number: h.SequenceNumber, marker: h.Marker,
		block: uint16(len(c.blocks) - 1), start: uint16(c.used), bytes: uint16(len(payload)),
	})
	c.used += len(payload)
	c.size += len(payload)
}

// reset forgets what is kept. The blocks are for whoever needs them next.
func (c *gopCache) reset() {
	for i, b := range c.blocks {
		keptBlocks.Put(b)
		c.blocks[i] = nil
	}
	c.blocks, c.packets = c.blocks[:0], c.packets[:0]
	c.used, c.size, c.units = 0, 0, 0
	c.broken = false
}

// drop gives all memory back: a live camera needs no cache.
func (c *gopCache) drop() {
	c.reset()
	c.blocks, c.packets = nil, nil
}

// replay sends what is kept, squeezed in time: the newest access unit keeps
// its timestamp and each older one lies a millisecond before the next. With
// the true, older timestamps a receiver would take the burst for seconds of
// delay and hold every later picture back. pause is called after each run of
// packets; a receiver's socket buffer holds only so many.
func (c *gopCache) replay(write func(*rtp.Header, []byte) error, pause func()) {
	if len(c.packets) == 0 {
		return
	}
	last := c.packets[len(c.packets)-1].timestamp
	c.each(func(p cachedPacket, payload []byte) {
		h := p.header()
		h.Timestamp = last - (c.units-p.unit)*90
		// A lost packet is the session's business; it ends by itself.
		_ = write(&h, payload)
	}, pause)
}

// each visits the packets in order, and calls pause after each run of them.
func (c *gopCache) each(visit func(cachedPacket, []byte), pause func()) {
	const run = 16
	for i, p := range c.packets {
		visit(p, c.blocks[p.block][p.start:][:p.bytes])
		if i%run == run-1 {
			pause()
		}
	}
}
