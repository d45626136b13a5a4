package publisher

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// What was kept since the last key frame reaches an SFU before anybody has subscribed
// to the track: SFUs keep no pictures, so that the viewer for whom a camera on demand
// has been published would wait for the camera's next key frame all the same. For a
// moment after connecting the pictures are therefore kept on, and sent once more when
// a key frame is asked for.
const (
	encoreFor = 10 * time.Second
	encoreGap = time.Second // between two of them: an SFU asks until it has got one
	// encoreBytes bounds what is kept, and so the burst.
	encoreBytes   = 1 << 20
	encorePackets = 2048
)

// encore is the part of a video feed that does so. But for asked it belongs to the
// packet path.
type encore struct {
	asked atomic.Bool
	until time.Time // nothing is kept after that
	next  time.Time // none is sent before that
}

// begin is called when a session has connected.
func (e *encore) begin(now time.Time) {
	e.asked.Store(false)
	e.until, e.next = now.Add(encoreFor), now
}

// encores keeps a packet that is about to be sent, and sends what was kept before it
// if that was asked for.
func (f *feed) encores(out *outlet, h *rtp.Header, payload []byte) {
	e := f.encore
	now := time.Unix(0, f.lastIn.Load())
	if now.After(e.until) {
		if len(f.cache.packets) > 0 || f.cache.broken {
			f.cache.drop()
		}
		return
	}
	key := startsKeyFrame(f.track.Codec, payload)
	if f.cache.newUnit(h) {
		switch {
		case key:
			e.asked.Store(false) // here it comes
		case !now.Before(e.next) && e.asked.CompareAndSwap(true, false):
			e.next = now.Add(encoreGap)
			f.again(out, h)
		}
	}
	f.cache.add(h, payload, key)
}

// again sends the kept access units once more, between the newest of them and the one
// that h begins: with sequence numbers that go on, and timestamps that share the time
// between the two.
func (f *feed) again(out *outlet, h *rtp.Header) {
	c := &f.cache
	if c.broken || c.units < 2 {
		return
	}
	last := c.packets[len(c.packets)-1].timestamp
	step := (h.Timestamp - last) / (c.units + 1)
	if step == 0 || step > 1<<31/(c.units+1) {
		return
	}
	seq, n := h.SequenceNumber, uint16(0)
	c.each(func(p cachedPacket, payload []byte) {
		again := p.header()
		again.SequenceNumber = seq + n
		again.Timestamp = last + p.unit*step
		n++
		_ = f.send(out, &again, payload) // a lost session ends by itself
	}, f.pause)
	f.shift += n
}
