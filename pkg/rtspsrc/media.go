package rtspsrc

import (
	"time"

	"github.com/pion/rtp"
)

// tap is where the frames of one channel go, past gortsplib: it would copy each into
// a slice of its own. The frame is only good during the call. Datagrams have taps too.
type tap struct {
	channel byte
	take    func(frame []byte, arrived time.Time)
}

// lifeEvery is the time between two signs of life for gortsplib.
const lifeEvery = time.Second / 2

// media hands a frame of size bytes, of which four are its head, to its tap.
func (f *framer) media(t *tap, size int, wait bool) bool {
	if !wait && len(f.in.data()) < size {
		return false
	}
	if !f.need(size) {
		return true
	}
	t.take(f.in.data()[4:size], f.in.at)
	f.in.use(size)
	if f.in.at.Sub(f.life) >= f.lifeEvery {
		f.showLife()
	}
	return true
}

// showLife passes an empty frame on, on a channel that nobody has. gortsplib ends a
// session in which it reads nothing, and would know nothing of the media otherwise.
func (f *framer) showLife() {
	f.life = f.in.at
	if !f.accepted.Load() {
		return
	}
	for ch := 255; ch >= 0; ch-- {
		if !f.allowed(byte(ch)) {
			f.out = append(f.out[:0], '$', byte(ch), 0, 0)
			return
		}
	}
}

// tapped makes the track's packets come straight from the socket, if it can be: not
// if gortsplib must decrypt them first.
func (r *receiver) tapped(l *link, channel int, deliver func(*rtp.Packet, time.Time)) {
	for _, f := range r.media.Formats {
		r.named[f.PayloadType()&0x7f] = true
	}
	take := func(b []byte, arrived time.Time) {
		if r.parse(b) {
			deliver(&r.pkt, arrived)
		}
	}
	w := l.wire.Load()
	switch {
	case encrypted(r.media):
	case r.socket != nil && r.socket.ordered:
		r.socket.tap = take
	case w != nil && channel >= 0 && channel < 256:
		w.frames.taps = append(w.frames.taps, tap{byte(channel), take})
	}
}

// parse reads a packet of the track from b into pkt, which refers to b. It judges as
// gortsplib does: neither the version nor padding of no bytes makes a packet bad.
func (r *receiver) parse(b []byte) bool {
	h := &r.pkt.Header
	begin, err := h.Unmarshal(b)
	if err != nil || !r.named[h.PayloadType] {
		r.link.unusable.Add(1)
		return false
	}
	if h.PayloadType != r.track.PayloadType {
		return false
	}
	end := len(b)
	h.PaddingSize = 0
	if h.Padding && end > begin {
		h.PaddingSize = b[end-1]
		end -= int(h.PaddingSize)
	}
	if end < begin || h.Padding && len(b) == begin {
		r.link.unusable.Add(1)
		return false
	}
	r.pkt.Payload = b[begin:end:end]
	return true
}
