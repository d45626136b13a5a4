package rtspsrc

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// teardownWait is how long we wait for the camera's answer to TEARDOWN. Closing
// at once, with video still unread, resets the connection, and cameras that count
// sessions may then never see the TEARDOWN.
const teardownWait = 1200 * time.Millisecond

// wire is the connection that gortsplib reads and writes: the inlet, or TLS over
// it. It remembers how the camera's first answer began, repairs what the camera
// sends, and sees a session off.
type wire struct {
	net.Conn
	frames *framer
	// teardownWait is how long the answer to TEARDOWN is waited for.
	teardownWait time.Duration

	readMu sync.Mutex
	bound  time.Duration // of each wait, 0 for none
	tail   []byte        // what was read last, while leaving: the beginning of the answer once that has come

	headMu sync.Mutex
	head   []byte

	greeting []byte // the first request, which was sent before gortsplib had the connection

	eof       atomic.Bool              // nothing more will come
	leaving   atomic.Bool              // TEARDOWN is on its way
	repeat    func(head []byte) []byte // set before leaving: TEARDOWN again, for the head of an answer; nil: not worth it
	gone      chan struct{}
	goneOnce  sync.Once
	closeOnce sync.Once
	closeErr  error
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c, teardownWait: teardownWait, gone: make(chan struct{})}
	w.frames = newFramer(rawWire{w})
	return w
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	w.readMu.Lock()
	defer w.readMu.Unlock()
	return w.frames.Read(p)
}

// rawWire reads what the camera has sent as it is; readMu must be held.
type rawWire struct{ w *wire }

// fill implements source. Without TLS and tunnel, what arrives goes into the spool
// without a stop on the way.
func (r rawWire) fill(s *spool, need int) error {
	had := len(s.data())
	var err error
	if d := r.w.bound; d > 0 {
		if err = r.w.Conn.SetReadDeadline(time.Now().Add(d)); err != nil {
			return err
		}
	}
	if in, ok := r.w.Conn.(*inlet); ok {
		err = in.fill(s, need)
	} else {
		var n int
		n, err = r.w.Conn.Read(s.room(need))
		s.took(n)
		s.at = time.Now()
	}
	if p := s.data(); len(p) > had || err != nil {
		r.look(p[had:], err)
	}
	return err
}

// patience implements source.
func (r rawWire) patience(d time.Duration) bool {
	if d <= 0 {
		r.w.bound = 0
		return r.w.Conn.SetReadDeadline(time.Time{}) == nil
	}
	if _, tunnel := r.w.Conn.(*webSocket); tunnel { // which is done with after a timeout
		return false
	}
	r.w.bound = d
	return true
}

func (r rawWire) Read(p []byte) (int, error) {
	n, err := r.w.Conn.Read(p)
	r.look(p[:n], err)
	return n, err
}

// look sees what passes.
func (r rawWire) look(p []byte, err error) {
	w := r.w
	if len(w.head) < headSize && len(p) > 0 {
		w.keepHead(p)
	}
	if err != nil {
		if !isTimeout(err) {
			w.eof.Store(true)
			w.sayGone()
		}
	} else if w.leaving.Load() {
		r.answer(p)
	}
}

// answer looks for the answer to TEARDOWN. A camera that wants a newer nonce gets it,
// once: it would keep the session otherwise.
func (r rawWire) answer(p []byte) {
	const most = 4096
	w := r.w
	w.tail = append(w.tail, p...)
	i := bytes.Index(w.tail, []byte("RTSP/1."))
	if i < 0 {
		w.tail = append(w.tail[:0], w.tail[max(0, len(w.tail)-6):]...)
		return
	}
	w.tail = append(w.tail[:0], w.tail[i:]...)
	head, _, whole := bytes.Cut(w.tail, []byte("\r\n\r\n"))
	if !whole && len(w.tail) < most && w.repeat != nil {
		return // the rest is on its way
	}
	if w.repeat != nil {
		again := w.repeat(head)
		w.repeat, w.tail = nil, nil
		if len(again) > 0 {
			_ = w.SetWriteDeadline(time.Now().Add(w.teardownWait))
			if _, err := w.Write(again); err == nil {
				return
			}
		}
	}
	w.sayGone()
}

func (w *wire) sayGone() { w.goneOnce.Do(func() { close(w.gone) }) }

// headSize is how much of the camera's first bytes is kept.
const headSize = 32

func (w *wire) keepHead(p []byte) {
	w.headMu.Lock()
	defer w.headMu.Unlock()
	w.head = append(w.head, p[:min(len(p), headSize-len(w.head))]...)
}

// firstBytes returns how the camera's first answer began.
func (w *wire) firstBytes() []byte {
	w.headMu.Lock()
	defer w.headMu.Unlock()
	return bytes.Clone(w.head)
}

// Write implements net.Conn. After a failed write nobody need be waited for.
func (w *wire) Write(p []byte) (int, error) {
	if w.greeting != nil {
		again := bytes.Equal(p, w.greeting)
		w.greeting = nil
		if again {
			return len(p), nil
		}
	}
	n, err := w.Conn.Write(p)
	if err != nil {
		w.eof.Store(true)
		w.sayGone()
	}
	return n, err
}

// leave is called when TEARDOWN is about to be written. repeat gives the request to
// send again, if any, for the head of the camera's answer.
func (w *wire) leave(repeat func(head []byte) []byte) {
	if !w.leaving.Load() {
		w.repeat = repeat
		w.leaving.Store(true)
	}
}

// Close implements net.Conn. After a TEARDOWN it first waits, within bounds, for
// the camera's answer.
func (w *wire) Close() error {
	w.closeOnce.Do(func() {
		var drained sync.WaitGroup
		if w.leaving.Load() && !w.eof.Load() {
			drained.Go(w.drain)
			t := time.NewTimer(w.teardownWait)
			select {
			case <-w.gone:
			case <-t.C:
			}
			t.Stop()
		}
		w.closeErr = w.Conn.Close()
		drained.Wait()
	})
	return w.closeErr
}

// drain reads until the camera has answered; gortsplib's reader may have stopped.
func (w *wire) drain() {
	buf := make([]byte, 4096)
	for {
		select {
		case <-w.gone:
			return
		default:
		}
		w.readMu.Lock()
		_, err := rawWire{w}.Read(buf)
		w.readMu.Unlock()
		if err != nil {
			return
		}
	}
}
