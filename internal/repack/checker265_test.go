package repack

import (
	"errors"
	"fmt"

	"github.com/pion/rtp"
)

// payload265 holds what RFC 7798 says of a payload.
func (c *checker) payload265(h *rtp.Header, b []byte) error {
	if len(b) < 3 {
		return fmt.Errorf("payload of %d bytes", len(b))
	}
	t := b[0] >> 1 & 0x3f
	if b[1]&7 == 0 {
		return errors.New("temporal id 0")
	}
	if t != 49 && c.inFU {
		return fmt.Errorf("type %d amid a fragmented unit", t)
	}
	switch {
	case t < 48:
		return c.unit265(b)
	case t == 48:
		units, err := splitAP(b)
		for _, u := range units {
			err = errors.Join(err, c.unit265(u))
		}
		return err
	case t != 49:
		return fmt.Errorf("type %d", t)
	}
	start, end := b[2]&0x80 != 0, b[2]&0x40 != 0
	fu := [2]byte{b[0]&0x81 | b[2]&0x3f<<1, b[1]}
	switch {
	case len(b) < 4:
		return errors.New("empty fragment")
	case b[2]&0x3f >= 48:
		return errors.New("a fragmented packet")
	case start && end:
		return errors.New("fragment with both start and end")
	case start == c.inFU:
		return fmt.Errorf("fragment with start %v, while amid a unit: %v", start, c.inFU)
	case !start && fu != c.fu265:
		return errors.New("fragments of one unit with different headers")
	case h.Marker && !end:
		return errors.New("marker amid a fragmented unit")
	}
	c.inFU, c.fu265 = !end, fu
	if start {
		return c.unit265(append(fu[:], b[3:]...))
	}
	return nil
}

// unit265 looks at the beginning of each NAL unit.
func (c *checker) unit265(u []byte) error {
	switch t := u[0] >> 1 & 0x3f; {
	case t >= 32 && t <= 34:
		c.sets |= 1 << (t - 32)
	case t >= 16 && t <= 21 && c.sets != 7 && c.sure:
		return fmt.Errorf("key frame behind parameter sets %03b", c.sets)
	case t >= 10 && t < 16 || t == 22 || t == 23 || t >= 35 && t != 39 && t != 40:
		return fmt.Errorf("NAL unit of type %d", t)
	}
	return nil
}

func splitAP(b []byte) ([][]byte, error) {
	var out [][]byte
	var f byte
	layer, tid := byte(255), byte(255)
	for rest := b[2:]; len(rest) > 0; {
		if len(rest) < 4 {
			return nil, errors.New("AP with trailing bytes")
		}
		n := int(rest[0])<<8 | int(rest[1])
		if n < 2 || n > len(rest)-2 {
			return nil, fmt.Errorf("AP with a unit of %d of %d bytes", n, len(rest)-2)
		}
		u := rest[2 : 2+n]
		if u[0]>>1&0x3f >= 48 {
			return nil, errors.New("AP with a packet inside")
		}
		f |= u[0] & 0x80
		layer, tid = min(layer, u[0]&1<<5|u[1]>>3), min(tid, u[1]&7)
		out = append(out, u)
		rest = rest[2+n:]
	}
	if len(out) < 2 || b[0]&0x80 != f || b[0]&1<<5|b[1]>>3 != layer || b[1]&7 != tid {
		return nil, fmt.Errorf("AP header %x of %d units", b[:2], len(out))
	}
	return out, nil
}

// depacketize265 puts sent packets together again, like depacketize.
func depacketize265(packets []rtp.Packet) ([]sentUnit, error) {
	var out []sentUnit
	var fu []byte
	for i := range packets {
		p := &packets[i]
		if len(out) == 0 || out[len(out)-1].ts != p.Timestamp {
			out = append(out, sentUnit{ts: p.Timestamp})
			fu = nil
		}
		u := &out[len(out)-1]
		u.closed = p.Marker
		b := p.Payload
		switch b[0] >> 1 & 0x3f {
		case 48:
			nalus, err := splitAP(b)
			if err != nil {
				return nil, err
			}
			u.nalus = append(u.nalus, nalus...)
		case 49:
			if b[2]&0x80 != 0 {
				fu = []byte{b[0]&0x81 | b[2]&0x3f<<1, b[1]}
			}
			fu = append(fu, b[3:]...)
			if b[2]&0x40 != 0 {
				u.nalus = append(u.nalus, fu)
				fu = nil
			}
		default:
			u.nalus = append(u.nalus, b)
		}
	}
	return out, nil
}
