package rtspsrc

import "time"

const (
	// bodyPause is how long nothing must come for a body of unknown length to be over.
	bodyPause = 300 * time.Millisecond
	// bodyMax is how long such a body may be.
	bodyMax = 64 << 10
)

// description reads a session description whose length the camera does not tell: all
// lines of the form that RFC 4566 section 5 gives them, until something else comes, or
// nothing.
func (f *framer) description() (body []byte) {
	if !f.src.patience(bodyPause) {
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
