package repack

// G711 repacks G.711 audio of 8 kHz and one channel (RFC 3551, section 4.5.14).
type G711 struct{ octets }

// NewG711 returns a repacker on the given line of 8 kHz. With convert it turns
// mu-law into A-law, which more receivers take.
func NewG711(convert bool, line *Line) *G711 {
	g := &G711{newOctets(line)}
	if convert {
		g.table = &muToA
	}
	return g
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
