package rtspsrc

import (
	"sync"
	"time"
)

const (
	// spoolShared is the size of the buffers that connections share: the largest
	// interleaved frame fits, and a key frame comes in with one read or two.
	spoolShared = 128 << 10
	// spoolOwn is the least that a connection reads into which cannot share: a TLS
	// record.
	spoolOwn = 16 << 10
	// spoolKeep is how much of an unfinished frame is worth copying, so that a
	// connection that waits holds no shared buffer.
	spoolKeep = 4 << 10
)

var sharedBuffers = sync.Pool{New: func() any { return new([spoolShared]byte) }}

// spool is what was received and not yet used, in one piece. While a connection
// works on it the bytes lie in a buffer that it shares with others; while it waits
// they lie in one of its own, which is as small as they are. It is for one goroutine.
type spool struct {
	buf    []byte // own, or all of shared
	r, w   int    // buf[r:w] is there
	shared *[spoolShared]byte
	own    []byte
	at     time.Time // when the newest bytes were received
}

// data is what is there. It is good until the next call of a method but use.
func (s *spool) data() []byte { return s.buf[s.r:s.w] }

// use takes n bytes away.
func (s *spool) use(n int) { s.r += n }

// took says that n bytes were written into a room.
func (s *spool) took(n int) { s.w += n }

// borrow returns room to read into in a shared buffer.
func (s *spool) borrow() []byte {
	if s.shared == nil {
		b := sharedBuffers.Get().(*[spoolShared]byte)
		n := copy(b[:], s.data())
		s.shared, s.buf, s.r, s.w = b, b[:], 0, n
		return s.buf[n:]
	}
	s.compact()
	return s.buf[s.w:]
}

// rest prepares for a wait: the shared buffer goes back, if little is left in it.
func (s *spool) rest() {
	left := s.w - s.r
	if s.shared == nil || left > spoolKeep {
		return
	}
	s.own = append(s.own[:0], s.data()...)
	sharedBuffers.Put(s.shared)
	s.shared, s.buf, s.r, s.w = nil, s.own, 0, left
}

// room returns room to read into in a buffer of the spool's own, which can hold need
// bytes in all.
func (s *spool) room(need int) []byte {
	if size := max(need, spoolOwn); len(s.buf) < size {
		b := make([]byte, size)
		s.w = copy(b, s.data())
		s.buf, s.r = b, 0
	} else {
		s.compact()
	}
	return s.buf[s.w:]
}

// compact moves what is there to the buffer's beginning.
func (s *spool) compact() {
	if s.r > 0 {
		s.w = copy(s.buf, s.data())
		s.r = 0
	}
}
