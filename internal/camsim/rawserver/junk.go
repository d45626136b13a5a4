package rawserver

import (
	"encoding/binary"
	"math/rand/v2"
)

// surround puts what does not belong there before an interleaved frame. Every
// second frame is left alone.
func (t *track) surround(frame []byte) []byte {
	f := t.session.srv.cfg.Faults
	t.frames++
	if t.frames%2 == 1 {
		return frame
	}
	var b []byte
	if f.Strays {
		b = append(b, t.stray()...)
	}
	return append(append(b, junk(f.Junk, t.frames/2)...), frame...)
}

// stray is a frame on a channel that no SETUP has named or, in turn, one of the
// track's channel with a payload type that no description names.
func (t *track) stray() []byte {
	packet := []byte{0x80, 50, byte(t.frames >> 8), byte(t.frames), 0, 0, 0, 0, 1, 2, 3, 4, 'p', 'r', 'i', 'v', 'a', 't', 'e'}
	if t.frames%4 == 0 {
		return interleave(t.channel, packet)
	}
	return interleave(200, packet)
}

// junk is what comes before the n-th frame.
func junk(kind Junk, n int) []byte {
	switch {
	case kind == JunkNone:
		return nil
	case kind == JunkLines || n%3 == 0:
		return []byte("\r\n")
	}
	// Control characters and bytes above ASCII begin neither a frame nor a
	// message, in whatever order.
	b := make([]byte, 1+n%40)
	for i := range b {
		if b[i] = byte(rand.Uint32()) | 0x80; i%5 == 0 {
			b[i] &= 0x1f
		}
	}
	if kind == JunkDollars && n%3 == 1 {
		b = binary.BigEndian.AppendUint16(append(b, '$', 0xee), 0xffff)
	}
	return b
}
