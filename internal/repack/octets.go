package repack

import (
	"time"

	"github.com/pion/rtp"
)

const (
	octetRate = 8000 // Hz; also bytes a second
	// octetPiece is 20 ms, RFC 3551's default: jitter buffers work best with
	// packets of one size, and small. Cameras send from 10 to 125 ms.
	octetPiece = octetRate * 20 / 1000
	// octetDrift is how far the camera's timestamps may be from the count of
	// samples before they are believed: half a second.
	octetDrift = octetRate / 2
)

// octets repacks audio of one byte for each tick of its clock into packets of
// 20 ms.
type octets struct {
	audio
	table *[256]byte // what each byte becomes; nil for itself

	// What has come and does not fill a packet yet.
	buf   [octetPiece]byte
	have  int
	begin uint32 // its timestamp, on the camera's clock
}

func newOctets(line *Line) octets {
	return octets{audio: audio{line: line, tolerance: octetDrift}}
}

// Restart says that a new session with the camera begins.
func (o *octets) Restart() {
	o.audio.Restart()
	o.have = 0
}

// Push repacks one packet and writes what becomes of it and of packets before
// it; less than 20 ms is kept for the next one. The error is the writer's first
// one.
func (o *octets) Push(pkt *rtp.Packet, arrived time.Time, w Writer) error {
	if !o.accept(pkt) {
		return nil
	}
	in := pkt.Payload
	var first error
	send := func() {
		// No silence suppression, so no marker (RFC 3551, section 4.1).
		if err := o.send(o.begin, false, o.buf[:o.have], arrived, w); err != nil && first == nil {
			first = err
		}
		o.begin += uint32(o.have)
		o.have = 0
	}
	ts := o.stamp(pkt.Timestamp, uint32(len(in)))
	if o.have > 0 && ts != o.begin+uint32(o.have) {
		send() // a gap: what is kept belongs before it
	}
	if o.have == 0 {
		o.begin = ts
	}
	for len(in) > 0 {
		n := min(len(in), octetPiece-o.have)
		o.add(in[:n])
		in = in[n:]
		if o.have == octetPiece {
			send()
		}
	}
	return first
}

func (o *octets) add(in []byte) {
	out := o.buf[o.have : o.have+len(in)]
	if o.table == nil {
		copy(out, in)
	} else {
		for i, b := range in {
			out[i] = o.table[b]
		}
	}
	o.have += len(in)
}
