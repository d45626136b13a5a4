package viewer

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// NAL unit types of RFC 6184 section 5.2 and H.264 table 7-1.
const (
	naluSlice = 1
	naluIDR   = 5
	naluSPS   = 7
	naluPPS   = 8
	naluSTAPA = 24
	naluFUA   = 28
)

// pictures follows the access units of one H.264 RTP stream without keeping
// any of it: enough to say that whole pictures arrive, and which.
type pictures struct {
	frames    uint64 // access units with at least one slice
	keyFrames uint64 // complete ones with SPS, PPS and IDR slices

	width, height int
	profile       string
	sps           []byte

	started bool
	seq     uint16 // of the previous packet
	ts      uint32 // of the current access unit

	hasSlice bool
	hasIDR   bool
	hasSPS   bool // these two live until a slice used them
	hasPPS   bool
	broken   bool // a packet of this access unit is missing
	inFU     bool
}

// restart forgets the unit under way: the packets that follow are another
// session's. The counts go on.
func (p *pictures) restart() {
	p.started, p.hasSPS, p.hasPPS = false, false, false
	p.endUnit()
}

// push takes the next packet in order of arrival and says whether a decoder
// could start with it, which is where an SPS is.
func (p *pictures) push(seq uint16, ts uint32, marker bool, payload []byte) (entry bool) {
	contiguous := p.started && seq == p.seq+1
	if p.started && ts != p.ts {
		p.closeUnit() // a sender that sets no marker
	}
	if p.started && !contiguous {
		p.broken, p.inFU = true, false
	}
	p.started, p.seq, p.ts = true, seq, ts
	entry = p.payload(payload)
	if marker {
		p.closeUnit()
	}
	return entry
}

func (p *pictures) closeUnit() {
	if p.hasSlice {
		p.frames++
		if p.hasIDR && p.hasSPS && p.hasPPS && !p.broken && !p.inFU {
			p.keyFrames++
		}
		p.hasSPS, p.hasPPS = false, false
	}
	p.endUnit()
}

func (p *pictures) endUnit() {
	p.hasSlice, p.hasIDR, p.broken, p.inFU = false, false, false, false
}

// payload reads one RTP payload (RFC 6184 sections 5.6 to 5.8).
func (p *pictures) payload(b []byte) (entry bool) {
	if len(b) == 0 {
		return false
	}
	switch typ := b[0] & 0x1f; typ {
	case naluSTAPA:
		return p.aggregate(b[1:])
	case naluFUA:
		p.fragment(b[1:])
		return false
	default:
		return p.nalu(b)
	}
}

func (p *pictures) aggregate(b []byte) (entry bool) {
	for len(b) >= 2 {
		size := int(b[0])<<8 | int(b[1])
		b = b[2:]
		if size == 0 || size > len(b) {
			p.broken = true
			return entry
		}
		entry = p.nalu(b[:size]) || entry
		b = b[size:]
	}
	return entry
}

func (p *pictures) fragment(b []byte) {
	if len(b) == 0 {
		p.broken = true
		return
	}
	start, end := b[0]&0x80 != 0, b[0]&0x40 != 0
	if start {
		p.count(b[0] & 0x1f)
	} else if !p.inFU {
		p.broken = true // its beginning is missing
	}
	p.inFU = !end
}

func (p *pictures) nalu(b []byte) (entry bool) {
	typ := b[0] & 0x1f
	p.count(typ)
	if typ != naluSPS {
		return false
	}
	p.readSPS(b)
	return true
}

func (p *pictures) count(typ byte) {
	switch typ {
	case naluIDR:
		p.hasIDR, p.hasSlice = true, true
	case naluSlice:
		p.hasSlice = true
	case naluSPS:
		p.hasSPS = true
	case naluPPS:
		p.hasPPS = true
	}
}

func (p *pictures) readSPS(b []byte) {
	if string(b) == string(p.sps) {
		return
	}
	p.sps = append(p.sps[:0], b...)
	var sps h264.SPS
	if err := sps.Unmarshal(p.sps); err != nil {
		return // its pictures are counted, its size stays unknown
	}
	p.width, p.height = sps.Width(), sps.Height()
	p.profile = profileName(p.sps[1], p.sps[2], p.sps[3])
}

// profileName puts profile_idc, the constraint flags and level_idc into words
// (H.264 annex A).
func profileName(profile, flags, level byte) string {
	name := fmt.Sprintf("profile %d", profile)
	switch profile {
	case 66:
		name = "Baseline"
		if flags&0x40 != 0 {
			name = "Constrained Baseline"
		}
	case 77:
		name = "Main"
	case 88:
		name = "Extended"
	case 100:
		name = "High"
		if flags&0x0c == 0x0c {
			name = "Constrained High"
		}
	case 110:
		name = "High 10"
	case 122:
		name = "High 4:2:2"
	case 244:
		name = "High 4:4:4"
	}
	return fmt.Sprintf("%s %d.%d", name, level/10, level%10)
}
