package repack

import (
	"time"

	"github.com/pion/rtp"
)

const (
	g711Rate = 8000 // Hz, one byte a sample (RFC 3551, section 4.5.14)
	// A packet of more than 60 ms is split into packets of 20 ms, RFC 3551's
	// default: receivers need not take more than 200 ms, and jitter buffers
	// work best with little.
	g711SplitAbove = g711Rate * 60 / 1000
	g711Piece      = g711Rate * 20 / 1000
	// g711Drift is how far the camera's timestamps may be from the count of
	// samples before they are believed: half a second.
	g711Drift = g711Rate / 2
)

// G711 repacks G.711 audio of 8 kHz and one channel (RFC 3551).
type G711 struct {
	audio
	convert bool
	buf     [g711SplitAbove]byte
}

// NewG711 returns a repacker on the given line of 8 kHz. With convert it turns
// mu-law into A-law, which more receivers take.
func NewG711(convert bool, line *Line) *G711 {
	return &G711{audio: audio{line: line, tolerance: g711Drift}, convert: convert}
}

// Push repacks one packet and writes what becomes of it. The error is the
// writer's.
func (g *G711) Push(pkt *rtp.Packet, arrived time.Time, w Writer) error {
	if !g.accept(pkt) {
		return nil
	}
	rest := pkt.Payload
	piece := len(rest)
	if piece > g711SplitAbove {
		piece = g711Piece
	}
	var first error
	// No silence suppression, so no marker (RFC 3551, section 4.1).
	ts := g.stamp(pkt.Timestamp, uint32(len(rest)))
	for len(rest) > 0 {
		n := min(piece, len(rest))
		out := rest[:n]
		if g.convert {
			out = g.buf[:n]
			for i, b := range rest[:n] {
				out[i] = muToA[b]
			}
		}
		if err := g.send(ts, false, out, arrived, w); err != nil && first == nil {
			first = err
		}
		ts += uint32(n)
		rest = rest[n:]
	}
	return first
}

// muToA maps a mu-law code to the A-law code whose value is nearest (ITU-T
// G.711).
var muToA = func() (table [256]byte) {
	for i := range table {
		table[i] = encodeALaw(decodeMuLaw(byte(i)), i&0x80)
	}
	return table
}()

// decodeMuLaw returns a sample of 16 bits. Mu-law codes are sent inverted; the
// segments are offset by a bias so that they double in size.
func decodeMuLaw(code byte) int {
	const bias = 0x84
	code = ^code
	v := (int(code&0x0f)<<3+bias)<<(code>>4&7) - bias
	if code&0x80 != 0 {
		return -v
	}
	return v
}

// decodeALaw returns a sample of 16 bits. A-law codes are sent with every second
// bit inverted; the first two segments are equal in size.
func decodeALaw(code byte) int {
	code ^= 0x55
	v := int(code&0x0f)<<4 + 8
	if segment := code >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if code&0x80 == 0 {
		return -v
	}
	return v
}

// encodeALaw returns the code of the given sign bit (set for positive, as in
// mu-law) whose value is nearest to v; of two equally near ones, the quieter.
// A-law has no zero, so that the sign of a mu-law zero has to be kept.
func encodeALaw(v, sign int) byte {
	best, bestOff, bestSize := byte(0), 1<<30, 1<<30
	for i := sign; i < sign+0x80; i++ {
		value := decodeALaw(byte(i))
		off, size := max(v-value, value-v), max(value, -value)
		if off < bestOff || off == bestOff && size < bestSize {
			best, bestOff, bestSize = byte(i), off, size
		}
	}
	return best
}
