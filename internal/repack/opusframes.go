package repack

// Limits of RFC 6716, section 3: a packet lasts for 120 ms at most, and a frame has
// 1,275 bytes at most.
const (
	opusMostFrames = 48
	opusMostTicks  = opusMostFrames * opusTick
	opusMostBytes  = 1275
)

// Codes of the TOC byte's last two bits: how many frames there are.
const (
	opusOne   = 0
	opusEqual = 1 // two of one size
	opusTwo   = 2 // two of any size
	opusMany  = 3 // a byte says how many
)

// Bits of the frame count byte of opusMany.
const (
	opusVBR    = 0x80
	opusPadded = 0x40
)

// opusPacket is a packet taken apart.
type opusPacket struct {
	toc   byte   // without the code
	frame uint32 // how long each frame is, in ticks of 48 kHz
	count int
	sizes [opusMostFrames]uint16
	data  []byte // the frames, one behind the other
}

// parse reads a packet; false if it breaks one of the rules R1 to R7 of RFC 6716,
// section 3.4.
func (p *opusPacket) parse(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	p.toc, p.frame = b[0]&^3, opusFrame(b[0])
	rest := b[1:]
	switch b[0] & 3 {
	case opusOne:
		p.count = 1
		p.sizes[0] = uint16(min(len(rest), opusMostBytes+1))
	case opusEqual:
		if len(rest)%2 != 0 {
			return false
		}
		p.count = 2
		half := uint16(min(len(rest)/2, opusMostBytes+1))
		p.sizes[0], p.sizes[1] = half, half
	case opusTwo:
		var ok bool
		if p.sizes[0], rest, ok = opusSize(rest); !ok || int(p.sizes[0]) > len(rest) {
			return false
		}
		p.count = 2
		p.sizes[1] = uint16(min(len(rest)-int(p.sizes[0]), opusMostBytes+1))
	default:
		var ok bool
		if rest, ok = p.parseMany(rest); !ok {
			return false
		}
	}
	for _, size := range p.sizes[:p.count] {
		if size > opusMostBytes {
			return false
		}
	}
	p.data = rest
	return true
}

// parseMany reads what follows the TOC byte of code 3 and returns the frames.
func (p *opusPacket) parseMany(b []byte) (frames []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	head, rest := b[0], b[1:]
	p.count = int(head & 0x3f)
	if p.count == 0 || uint32(p.count)*p.frame > opusMostTicks {
		return nil, false
	}
	if head&opusPadded != 0 {
		if rest, ok = opusUnpadded(rest); !ok {
			return nil, false
		}
	}
	if head&opusVBR == 0 {
		if len(rest)%p.count != 0 || len(rest)/p.count > opusMostBytes {
			return nil, false
		}
		for i := range p.sizes[:p.count] {
			p.sizes[i] = uint16(len(rest) / p.count)
		}
		return rest, true
	}
	sum := 0
	for i := range p.sizes[:p.count-1] {
		if p.sizes[i], rest, ok = opusSize(rest); !ok {
			return nil, false
		}
		sum += int(p.sizes[i])
	}
	if sum > len(rest) {
		return nil, false
	}
	p.sizes[p.count-1] = uint16(min(len(rest)-sum, opusMostBytes+1))
	return rest, true
}

// opusUnpadded leaves out the padding: its length in front, and itself at the end.
func opusUnpadded(b []byte) (rest []byte, ok bool) {
	padding := 0
	for {
		if len(b) == 0 {
			return nil, false
		}
		n := int(b[0])
		b = b[1:]
		if n < 255 {
			padding += n
			break
		}
		padding += 254 // and more follows
	}
	if padding > len(b) {
		return nil, false
	}
	return b[:len(b)-padding], true
}

// opusSize reads the length of a frame (RFC 6716, section 3.2.1).
func opusSize(b []byte) (size uint16, rest []byte, ok bool) {
	switch {
	case len(b) > 0 && b[0] < 252:
		return uint16(b[0]), b[1:], true
	case len(b) > 1:
		return uint16(b[0]) + 4*uint16(b[1]), b[2:], true
	}
	return 0, nil, false
}

func appendOpusSize(b []byte, size uint16) []byte {
	if size < 252 {
		return append(b, byte(size))
	}
	low := 252 + size&3
	return append(b, byte(low), byte((size-low)>>2))
}

// opusFrame is how long each frame of a packet is, in ticks of 48 kHz, by its TOC byte
// (RFC 6716, section 3.1).
func opusFrame(toc byte) uint32 {
	config := toc >> 3
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [4]uint32{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		return opusTick << (config & 3)
	}
}

// opusDuration returns how long a packet lasts, in ticks of 48 kHz, from its first
// bytes, whether it is valid or not.
func opusDuration(b []byte) uint32 {
	frame := opusFrame(b[0])
	switch b[0] & 3 {
	case opusOne:
		return frame
	case opusMany:
		if len(b) < 2 {
			return frame
		}
		return frame * max(uint32(b[1]&0x3f), 1)
	default:
		return frame * 2
	}
}

// opusKept are frames that do not fill a packet of 20 ms yet: of one configuration,
// one right after the other.
type opusKept struct {
	toc      byte
	begin    uint32 // on the camera's clock
	duration uint32
	marker   bool
	count    int
	sizes    [opusPiece / opusTick]uint16
	used     int // of data
	data     [maxAudioPayload]byte
	out      [maxAudioPayload + 2 + 2*opusPiece/opusTick]byte
}

// opusHead is what the TOC byte, the frame count byte and a length take at most.
func opusHead(frames int) int { return 2 + 2*frames }

func (k *opusKept) clear() { k.count, k.used, k.duration = 0, 0, 0 }

// continues reports whether a packet with this TOC and timestamp goes on where what is
// kept ends.
func (k *opusKept) continues(toc byte, ts uint32) bool {
	return toc == k.toc && ts == k.begin+k.duration
}

// fits reports whether a frame can be added.
func (k *opusKept) fits(size int, ticks uint32) bool {
	return k.count == 0 ||
		k.duration+ticks <= opusPiece && opusHead(k.count+1)+k.used+size <= maxAudioPayload
}

// add takes a frame that fits. One by itself may be larger than a packet may be: then
// only the bytes that show that are kept.
func (k *opusKept) add(toc byte, frame []byte, ts, ticks uint32, marker bool) {
	if k.count == 0 {
		k.toc, k.begin, k.marker = toc, ts, marker
	}
	k.sizes[k.count] = uint16(len(frame))
	k.used += copy(k.data[k.used:], frame)
	k.count++
	k.duration += ticks
}

// compose makes a packet of what is kept, in the shortest form.
func (k *opusKept) compose() []byte {
	sizes, out := k.sizes[:k.count], k.out[:0]
	equal := true
	for _, size := range sizes {
		equal = equal && size == sizes[0]
	}
	switch {
	case k.count == 1:
		out = append(out, k.toc|opusOne)
	case k.count == 2 && equal:
		out = append(out, k.toc|opusEqual)
	case k.count == 2:
		out = appendOpusSize(append(out, k.toc|opusTwo), sizes[0])
	case equal:
		out = append(out, k.toc|opusMany, byte(k.count))
	default:
		out = append(out, k.toc|opusMany, opusVBR|byte(k.count))
		for _, size := range sizes[:k.count-1] {
			out = appendOpusSize(out, size)
		}
	}
	return append(out, k.data[:k.used]...)
}
