package repack

import (
	"errors"

	"github.com/pion/rtp"
)

var errWriter = errors.New("no route")

type failingWriter struct{ n int }

func (w *failingWriter) WriteRTP(*rtp.Header, []byte) error {
	w.n++
	return errWriter
}

type discard struct{ packets, bytes int }

func (d *discard) WriteRTP(_ *rtp.Header, payload []byte) error {
	d.packets++
	d.bytes += len(payload)
	return nil
}
