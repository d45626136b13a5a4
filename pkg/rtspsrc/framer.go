package rtspsrc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync/atomic"
)

// framer reads what a camera sends over its RTSP connection and passes on only
// what gortsplib can read: whole interleaved frames on channels that were set up,
// and requests and responses with their headers repaired. Junk between them is
// left out. It is for one goroutine; its counters and channels are for all.
type framer struct {
	br   *bufio.Reader
	http bool // the answer to a tunnel's GET comes first

	pass  int         // bytes of a frame or body that go through as they are
	skip  int         // bytes that are left out
	out   []byte      // repaired text
	lost  bool        // where the next message begins is uncertain
	begun atomic.Bool // a message was recognised
	err   error       // to be returned when everything before it was

	udp      bool // the media do not come this way
	channels [4]atomic.Uint64
	playing  atomic.Bool

	junk    atomic.Uint64 // bytes between messages
	foreign atomic.Uint64 // frames nobody asked for
	repairs atomic.Uint64 // header lines repaired or left out
}

// framerSize has room for the longest header line that is understood.
const framerSize = 8 << 10

// earlyJunk is how much may come before the first message.
const earlyJunk = 4 << 10

func newFramer(src io.Reader) *framer {
	return &framer{br: bufio.NewReaderSize(src, framerSize)}
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

// Read implements io.Reader. It waits only if it has nothing to return.
func (f *framer) Read(p []byte) (n int, err error) {
	for n < len(p) && f.err == nil {
		switch {
		case len(f.out) > 0:
			m := copy(p[n:], f.out)
			n, f.out = n+m, f.out[m:]
		case n > 0 && f.br.Buffered() == 0:
			return n, nil
		case f.skip > 0:
			_, f.err = f.br.Peek(1)
			m, _ := f.br.Discard(min(f.skip, f.br.Buffered()))
			f.skip -= m
		case f.pass > 0:
			var m int
			m, f.err = f.br.Read(p[n:min(len(p), n+f.pass)])
			n, f.pass = n+m, f.pass-m
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
	b, err := f.br.Peek(1)
	if err != nil {
		f.err = err
		return true
	}
	switch c := b[0]; {
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
		_, _ = f.br.Discard(1)
		return true
	}
	f.drop()
	return true
}

// drop leaves out one byte that begins nothing.
func (f *framer) drop() {
	_, _ = f.br.Discard(1)
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
	if !wait && f.br.Buffered() < need {
		return false
	}
	b, err := f.br.Peek(need)
	if err != nil {
		f.err = err
		return true
	}
	size := int(b[2])<<8 | int(b[3])
	if f.lost && (!f.allowed(b[1]) || size < 8 || b[4]>>6 != 2) {
		// A $ in the middle of junk proves nothing: it must look like RTP or RTCP on
		// one of our channels.
		f.drop()
		return true
	}
	f.lost = false
	f.begun.Store(true)
	switch {
	case f.udp, f.any() && (!f.playing.Load() || !f.allowed(b[1])):
		f.foreign.Add(1)
		f.skip = 4 + size
	default:
		f.pass = 4 + size // gortsplib refuses it before the first SETUP
	}
	return true
}

// tunnelHead lets the head of an HTTP response pass.
func (f *framer) tunnelHead(wait bool) bool {
	if !wait {
		return false
	}
	line, err := f.br.ReadSlice('\n')
	f.out = append(f.out[:0], line...)
	f.err = err
	if len(bytes.TrimSpace(line)) == 0 {
		f.http = false
	}
	return true
}

// starts are the ways in which a message from a camera begins.
var starts = []string{
	"RTSP/", "OPTIONS ", "ANNOUNCE ", "REDIRECT ", "TEARDOWN ", "GET_PARAMETER ", "SET_PARAMETER ",
	"DESCRIBE ", "SETUP ", "PLAY ", "PAUSE ", "RECORD ", "PLAY_NOTIFY ",
}

// messageAhead reports that a request or response comes next.
func (f *framer) messageAhead() bool {
	for n := 1; ; n++ {
		b, err := f.br.Peek(n)
		if err != nil {
			f.err = err
			return false
		}
		possible := false
		for _, s := range starts {
			if len(s) < n || s[:n] != string(b) {
				continue
			}
			if len(s) == n {
				return true
			}
			possible = true
		}
		if !possible {
			f.lost = true
			if b[0] == 'H' && !f.begun.Load() {
				if b, _ := f.br.Peek(5); string(b) == "HTTP/" {
					f.err = ErrNotRTSP
				}
			}
			return false
		}
	}
}

// message reads the head of a request or response and repairs it.
func (f *framer) message() {
	h := messageHead{}
	for {
		line, err := f.br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) { // too long for anybody: leave it out
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = f.br.ReadSlice('\n')
			}
			line = []byte{'!', '\n'}
		}
		if err != nil {
			f.err = err
			return
		}
		if h.add(line) {
			break
		}
	}
	f.lost = false
	f.begun.Store(true)
	f.repairs.Add(uint64(h.repairs))
	if h.provisional() {
		f.skip = h.body
		return
	}
	f.out = append(f.out[:0], h.text()...)
	f.pass = h.body
}
