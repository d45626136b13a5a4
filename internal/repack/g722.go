package repack

// G722 repacks G.722 audio of 64 kbit/s and one channel (RFC 3551, section
// 4.5.2). It samples at 16 kHz, two samples a byte, but its RTP clock runs at
// 8 kHz.
type G722 struct{ octets }

// NewG722 returns a repacker on the given line of 8 kHz.
func NewG722(line *Line) *G722 { return &G722{newOctets(line)} }
