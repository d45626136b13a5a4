package repack

// bitReader reads the first bits of a NAL unit's payload, leaving out the
// emulation prevention bytes (ITU-T H.264, section 7.4.1). It lives on the
// stack.
type bitReader struct {
	buf  [headSize]byte
	bits int // in buf
	pos  int
	bad  bool // read past the end, or a code that cannot be
}

// headSize is how much of a NAL unit is looked at: the fields read from slice
// headers and parameter sets end within 14 bytes, emulation prevention included.
const headSize = 16

func newBitReader(data []byte) bitReader {
	var r bitReader
	n, zeros := 0, 0
	for _, b := range data {
		if n == len(r.buf) {
			break
		}
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		r.buf[n] = b
		n++
	}
	r.bits = n * 8
	return r
}

// u reads n bits, at most 32.
func (r *bitReader) u(n int) uint32 {
	if r.pos+n > r.bits {
		r.bad = true
		return 0
	}
	var v uint32
	for range n {
		v = v<<1 | uint32(r.buf[r.pos>>3]>>(7-r.pos&7)&1)
		r.pos++
	}
	return v
}

// ue reads an unsigned Exp-Golomb code (section 9.1).
func (r *bitReader) ue() uint32 {
	zeros := 0
	for r.u(1) == 0 {
		zeros++
		if r.bad || zeros > 31 {
			r.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.u(zeros)
}
