package publisher

import (
	"cmp"

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

type gopCache struct {
	mostBytes, mostPackets int // 0: gopCacheBytes and gopCachePackets

	packets []cachedPacket
	payload []byte // the payloads of all packets, one after the other
	units   uint32 // access units begun
	broken  bool   // too large, or no key frame seen yet: nothing worth keeping
}

type cachedPacket struct {
	header rtp.Header
	unit   uint32 // the access unit it belongs to, counted from 1
	end    int    // its payload's end in gopCache.payload
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
	return len(c.packets) == 0 || c.packets[len(c.packets)-1].header.Timestamp != h.Timestamp
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
	if len(c.payload)+len(payload) > cmp.Or(c.mostBytes, gopCacheBytes) || len(c.packets) >= cmp.Or(c.mostPackets, gopCachePackets) {
		c.drop()
		c.broken = true
		return
	}
	if newUnit {
		c.units++
	}
	c.payload = append(c.payload, payload...)
	c.packets = append(c.packets, cachedPacket{header: *h, unit: c.units, end: len(c.payload)})
}

func (c *gopCache) reset() {
	c.packets = c.packets[:0]
	c.payload = c.payload[:0]
	c.units = 0
	c.broken = false
}

// drop gives the memory back: a live camera needs no cache.
func (c *gopCache) drop() { *c = gopCache{mostBytes: c.mostBytes, mostPackets: c.mostPackets} }

// replay sends what is kept, squeezed in time: the newest access unit keeps
// its timestamp and each older one lies a millisecond before the next. With
// the true, older timestamps a receiver would take the burst for seconds of
// delay and hold every later picture back. pause is called after each run of
// packets; a receiver's socket buffer holds only so many.
func (c *gopCache) replay(write func(*rtp.Header, []byte) error, pause func()) {
	if len(c.packets) == 0 {
		return
	}
	last := c.packets[len(c.packets)-1].header.Timestamp
	c.each(func(p cachedPacket, payload []byte) {
		h := p.header
		h.Timestamp = last - (c.units-p.unit)*90
		// A lost packet is the session's business; it ends by itself.
		_ = write(&h, payload)
	}, pause)
}

// each visits the packets in order, and calls pause after each run of them.
func (c *gopCache) each(visit func(cachedPacket, []byte), pause func()) {
	const run = 16
	start := 0
	for i, p := range c.packets {
		visit(p, c.payload[start:p.end])
		start = p.end
		if i%run == run-1 {
			pause()
		}
	}
}
