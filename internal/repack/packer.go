package repack

import "github.com/pion/rtp"

// packer writes the NAL units of access units as RTP packets: of RFC 6184's mode
// 1, or of RFC 7798 without decoding order numbers. It always holds the newest packet back until it is known whether that
// one ends its access unit: by the next unit, or by flush.
type packer struct {
	line  *Line
	codec codec
	size  int // bytes of a NAL unit's header
	max   int // payload bytes of a packet
	w     Writer
	err   error // the first one of the writer
	hdr   rtp.Header
	ts    uint32

	held []byte // the payload held back, nil if none
	own  bool   // held is within buf
	// buf is either the packet held back or the NAL unit being written. Data
	// begins at size + 1, behind what a fragment begins with; a single NAL unit's
	// header goes to 1. One byte more than max, because of that.
	buf []byte

	nal   header // of the NAL unit being written
	n     int    // its bytes in buf
	frag  int    // data bytes of a full fragment
	first int    // data bytes that may gather before the unit must be fragmented
	sent  bool   // fragments of it are out

	packets, bytes uint64
}

func newPacker(line *Line, c codec, maxPayload int) packer {
	return packer{line: line, codec: c, size: c.headerSize(), max: maxPayload, buf: make([]byte, maxPayload+1)}
}

// whole writes a complete NAL unit, which is more than its header. The packet held back
// may point into it until keep is called.
func (p *packer) whole(nalu []byte) {
	if len(nalu) <= p.max {
		p.flush(false)
		p.held, p.own = nalu, false
		return
	}
	p.begin(headerOf(nalu))
	// The size is known: equal fragments rather than full ones and a rest.
	size := len(nalu) - p.size
	count := (size + p.frag - 1) / p.frag
	p.frag = (size + count - 1) / count
	p.first = p.frag
	p.write(nalu[p.size:])
	p.end()
}

// begin starts a NAL unit whose size is not known yet.
func (p *packer) begin(h header) {
	p.nal, p.n, p.sent = h, 0, false
	p.frag, p.first = p.max-p.size-1, p.max-p.size
}

// write adds data to the NAL unit. A full fragment goes out only when there is
// more, so that the last one is never empty.
func (p *packer) write(data []byte) {
	if len(data) == 0 {
		return
	}
	if p.n == 0 {
		p.flush(false)
	}
	for {
		room := p.frag
		if !p.sent {
			room = p.first
		}
		at := p.size + 1
		n := copy(p.buf[at+p.n:at+room], data)
		p.n += n
		data = data[n:]
		if len(data) == 0 {
			return
		}
		p.fragment()
	}
}

// fragment sends a fragment that is not the last one.
func (p *packer) fragment() {
	p.fuHeader(0)
	at := p.size + 1
	p.send(p.buf[:at+p.frag], false)
	p.sent = true
	p.n = copy(p.buf[at:], p.buf[at+p.frag:at+p.n])
}

// fuHeader writes what a fragment begins with.
func (p *packer) fuHeader(flags byte) {
	if !p.sent {
		flags |= fuStart
	}
	p.codec.putFragment(p.buf, p.nal, flags)
}

// trimZeros takes trailing zeros from the NAL unit being written: they turned
// out to be the beginning of a start code.
func (p *packer) trimZeros() {
	for p.n > 1 && p.buf[p.size+p.n] == 0 {
		p.n--
	}
}

// end completes the NAL unit; its last packet is held back.
func (p *packer) end() {
	if p.n == 0 {
		return
	}
	if p.sent {
		p.fuHeader(fuEnd)
		p.held = p.buf[:p.size+1+p.n]
	} else {
		copy(p.buf[1:1+p.size], p.nal[:])
		p.held = p.buf[1 : p.size+1+p.n]
	}
	p.own, p.n = true, 0
}

// aggregate writes NAL units as few aggregation packets (RFC 6184, section 5.7.1;
// RFC 7798, section 4.4.2); one that fits with no other travels alone. It reports whether all of them
// fitted one packet.
func (p *packer) aggregate(list [][]byte) bool {
	packets := 0
	for len(list) > 0 {
		packets++
		n, size := 0, p.size
		for n < len(list) && size+2+len(list[n]) <= p.max {
			size += 2 + len(list[n])
			n++
		}
		if n < 2 {
			if len(list[0]) > p.max {
				packets++
			}
			p.whole(list[0])
			list = list[1:]
			continue
		}
		p.flush(false)
		h := p.codec.aggregate(list[:n])
		b := append(p.buf[:0], h[:p.size]...)
		for _, u := range list[:n] {
			b = append(b, byte(len(u)>>8), byte(len(u)))
			b = append(b, u...)
		}
		p.held, p.own = b, true
		list = list[n:]
	}
	return packets <= 1
}

// keep moves a packet that is held back out of the caller's memory.
func (p *packer) keep() {
	if p.held != nil && !p.own {
		p.held = p.buf[:copy(p.buf, p.held)]
		p.own = true
	}
}

// flush sends the packet that is held back, if there is one.
func (p *packer) flush(marker bool) {
	if p.held != nil {
		p.send(p.held, marker)
		p.held = nil
	}
}

// abandon forgets what has not been sent.
func (p *packer) abandon() {
	p.held, p.n = nil, 0
}

func (p *packer) send(payload []byte, marker bool) {
	p.line.header(&p.hdr, p.ts, marker)
	p.packets++
	p.bytes += uint64(rtpHeaderSize + len(payload))
	if err := p.w.WriteRTP(&p.hdr, payload); err != nil && p.err == nil {
		p.err = err
	}
}
