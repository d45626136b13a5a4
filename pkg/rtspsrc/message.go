package rtspsrc

import (
	"bytes"
	"time"
)

const (
	// lineMax is the longest header line that is understood.
	lineMax = 8 << 10
	// bodyPause is how long nothing must come for a body of unknown length to be over.
	bodyPause = 300 * time.Millisecond
	// bodyMax is how long such a body may be.
	bodyMax = 64 << 10
)

// tunnelHead lets the head of an HTTP response pass.
func (f *framer) tunnelHead(wait bool) bool {
	if !wait {
		return false
	}
	line, ok := f.line()
	if !ok {
		return true
	}
	f.out = append(f.out[:0], line...)
	if len(bytes.TrimSpace(line)) == 0 {
		f.http = false
	}
	return true
}

// line takes the next line with its line feed. In place of one that is too long for
// anybody comes one that is no header. It is false, with err set, if none comes.
func (f *framer) line() ([]byte, bool) {
	for from, long := 0, false; ; {
		b := f.in.data()
		if i := bytes.IndexByte(b[from:], '\n'); i >= 0 {
			b = b[:from+i+1]
			f.in.use(len(b))
			if long || len(b) > lineMax {
				return []byte{'!', '\n'}, true
			}
			return b, true
		}
		if from = len(b); from >= lineMax {
			f.in.use(from)
			from, long = 0, true
		}
		if !f.need(from + 1) {
			return nil, false
		}
	}
}

// starts are the ways in which a message from a camera begins.
var starts = []string{
	"RTSP/", "OPTIONS ", "ANNOUNCE ", "REDIRECT ", "TEARDOWN ", "GET_PARAMETER ", "SET_PARAMETER ",
	"DESCRIBE ", "SETUP ", "PLAY ", "PAUSE ", "RECORD ", "PLAY_NOTIFY ",
}

// messageAhead reports that a request or response comes next.
func (f *framer) messageAhead() bool {
	for n := 1; ; n++ {
		if !f.need(n) {
			return false
		}
		b := f.in.data()[:n]
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
			if b[0] == 'H' && !f.begun.Load() && f.need(5) {
				if string(f.in.data()[:5]) == "HTTP/" {
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
		line, ok := f.line()
		if !ok {
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
	var body []byte
	if h.unmeasured() {
		if body = f.description(); len(body) > 0 {
			h.body = len(body)
			f.repairs.Add(1)
		}
	}
	f.out = append(append(f.out[:0], h.text()...), body...)
	f.pass = h.body - len(body)
}

// description reads a session description whose length the camera does not tell: all
// lines of the form that RFC 4566 section 5 gives them, until something else comes, or
// nothing.
func (f *framer) description() (body []byte) {
	if !f.src.patience(f.bodyPause) {
		return nil
	}
	defer f.src.patience(0)
	for len(body) < bodyMax && f.need(2) {
		if b := f.in.data(); b[0] < 'a' || b[0] > 'z' || b[1] != '=' {
			break
		}
		line, ok := f.line()
		if !ok { // the last one ends with nothing
			line = f.in.data()
			f.in.use(len(line))
		}
		body = append(body, line...)
	}
	if isTimeout(f.err) {
		f.end = nil
	}
	f.err = nil // it comes again after the body
	return body
}
