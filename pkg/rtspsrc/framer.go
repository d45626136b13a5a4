package rtspsrc

import (
	"io"
	"sync/atomic"
	"time"
)

// source is where a framer gets its bytes.
type source interface {
	// fill adds to s what has arrived, and waits if nothing has. There must be room
	// for need bytes in all. It may add bytes and return an error.
	fill(s *spool, need int) error
	// patience bounds each wait from now on; 0 takes the bound away. It is false if
	// that cannot be done.
	patience(d time.Duration) bool
}

// framer reads what a camera sends over its RTSP connection. Media frames of the
// tracks that have a tap go there and nowhere else. Of the rest it passes on only
// what gortsplib can read: whole interleaved frames on channels that were set up,
// and requests and responses with their headers repaired. Junk between them is
// left out. It is for one goroutine; its counters and channels are for all.
type framer struct {
	src  source
	in   spool
	end  error // of the source, once what came before is used up
	http bool  // the answer to a tunnel's GET comes first

	pass  int         // bytes of a frame or body that go through as they are
	skip  int         // bytes that are left out
	out   []byte      // repaired text
	lost  bool        // where the next message begins is uncertain
	begun atomic.Bool // a message was recognised
	err   error       // to be returned when everything before it was

	udp      bool // the media do not come this way
	channels [4]atomic.Uint64
	playing  atomic.Bool
	taps     []tap       // complete before playing is set
	accepted atomic.Bool // PLAY was answered
	life     time.Time   // of the last sign of life
	// lifeEvery is the time between two.
	lifeEvery time.Duration
	// bodyPause is how long nothing must come for a body of unknown length to be over.
	bodyPause time.Duration

	junk    atomic.Uint64 // bytes between messages
	foreign atomic.Uint64 // frames nobody asked for
	repairs atomic.Uint64 // header lines repaired or left out
}

// earlyJunk is how much may come before the first message.
const earlyJunk = 4 << 10

func newFramer(src source) *framer {
	return &framer{src: src, lifeEvery: lifeEvery, bodyPause: bodyPause}
}

// allow makes a pair of channels known.
func (f *framer) allow(rtp int) {
	for _, ch := range []int{rtp, rtp + 1} {
		if ch >= 0 && ch < 256 {
			f.channels[ch/64].Or(1 << (ch % 64))
		}
	}
}

func (f *framer) allowed(ch byte) bool { return f.channels[ch/64].Load()>>(ch%64)&1 == 1 }

func (f *framer) any() bool {
	for i := range f.channels {
		if f.channels[i].Load() != 0 {
			return true
		}
	}
	return false
}

// need waits until n bytes are there. It is false, with err set, if they do not
// come.
func (f *framer) need(n int) bool {
	for idle := 0; len(f.in.data()) < n; {
		if f.end != nil {
			f.err = f.end
			return false
		}
		had := len(f.in.data())
		f.end = f.src.fill(&f.in, n)
		if idle++; len(f.in.data()) > had {
			idle = 0
		} else if idle == 100 && f.end == nil {
			f.end = io.ErrNoProgress
		}
	}
	return true
}

// Read implements io.Reader. It waits only if it has nothing to return.
func (f *framer) Read(p []byte) (n int, err error) {
	for n < len(p) && f.err == nil {
		switch {
		case len(f.out) > 0:
			m := copy(p[n:], f.out)
			n, f.out = n+m, f.out[m:]
		case n > 0 && len(f.in.data()) == 0:
			return n, nil
		case f.skip > 0:
			if f.need(1) {
				m := min(f.skip, len(f.in.data()))
				f.in.use(m)
				f.skip -= m
			}
		case f.pass > 0:
			if f.need(1) {
				m := copy(p[n:min(len(p), n+f.pass)], f.in.data())
				f.in.use(m)
				n, f.pass = n+m, f.pass-m
			}
		case !f.next(n == 0):
			return n, nil
		}
	}
	if n == 0 {
		err = f.err
	}
	return n, err
}

// next looks at what comes. It returns false if more must arrive to know and it
// may not wait for that.
func (f *framer) next(wait bool) bool {
	if f.http {
		return f.tunnelHead(wait)
	}
	if !f.need(1) {
		return true
	}
	switch c := f.in.data()[0]; {
	case c == '$':
		return f.frame(wait)
	case c >= 'A' && c <= 'Z':
		if !wait {
			return false
		}
		if f.messageAhead() {
			f.message()
		}
		if f.err != nil || !f.lost {
			return true
		}
	case c == '\r' || c == '\n':
		f.in.use(1)
		return true
	}
	f.drop()
	return true
}

// drop leaves out one byte that begins nothing.
func (f *framer) drop() {
	f.in.use(1)
	f.lost = true
	if n := f.junk.Add(1); n > earlyJunk && !f.begun.Load() {
		f.err = ErrNotRTSP
	}
}

// frame decides on an interleaved frame.
func (f *framer) frame(wait bool) bool {
	need := 4
	if f.lost {
		need = 5
	}
	if !wait && len(f.in.data()) < need {
		return false
	}
	if !f.need(need) {
		return true
	}
	b := f.in.data()
	ch, size := b[1], int(b[2])<<8|int(b[3])
	if f.lost && (!f.allowed(ch) || size < 8 || b[4]>>6 != 2) {
		// A $ in the middle of junk proves nothing: it must look like RTP or RTCP on
		// one of our channels.
		f.drop()
		return true
	}
	f.lost = false
	if !f.begun.Load() {
		f.begun.Store(true)
	}
	playing := f.playing.Load()
	if playing && !f.udp {
		for i := range f.taps {
			if f.taps[i].channel == ch {
				return f.media(&f.taps[i], 4+size, wait)
			}
		}
	}
	switch {
	case f.udp, f.any() && (!playing || !f.allowed(ch)):
		f.foreign.Add(1)
		f.skip = 4 + size
	default:
		f.pass = 4 + size // gortsplib refuses it before the first SETUP
	}
	return true
}
