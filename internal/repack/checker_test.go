package repack

import (
	"errors"
	"fmt"

	"github.com/pion/rtp"
)

// checker holds what is true of every packet sent, whatever came in.
type checker struct {
	max     int
	started bool
	seq     uint16
	ts      uint32
	closed  bool // the last packet had the marker
	inFU    bool // the last packet was a fragment that was not the last of its unit
	fu      byte // header of the fragmented unit

	hevc  bool
	fu265 [2]byte

	// Parameter sets belong before each key frame, if they are known.
	sets     byte // kinds seen with this timestamp, a bit each
	complete bool // all kinds are known to the repacker; set before each Push
	before   bool // complete when the access unit before this one began to be sent
	sure     bool // complete when this one arrived
}

// forget says that parameter sets may have become unknown.
func (c *checker) forget() { c.complete, c.before, c.sure = false, false, false }

func (c *checker) packet(h *rtp.Header, payload []byte) error {
	if size := h.MarshalSize() + len(payload); size > c.max {
		return fmt.Errorf("%d bytes", size)
	}
	if c.started {
		if h.SequenceNumber != c.seq+1 {
			return fmt.Errorf("sequence number %d after %d", h.SequenceNumber, c.seq)
		}
		step := int32(h.Timestamp - c.ts)
		if step < 0 {
			return fmt.Errorf("timestamp went back by %d", -step)
		}
		if step == 0 && c.closed {
			return errors.New("a packet follows the marker with the same timestamp")
		}
		if step != 0 {
			c.inFU = false // the rest of a damaged unit is not sent
		}
	}
	if !c.started || h.Timestamp != c.ts {
		c.sets, c.sure, c.before = 0, c.before, c.complete
	}
	c.started, c.seq, c.ts, c.closed = true, h.SequenceNumber, h.Timestamp, h.Marker
	if c.hevc {
		return c.payload265(h, payload)
	}
	return c.payload(h, payload)
}

func (c *checker) payload(h *rtp.Header, b []byte) error {
	if len(b) < 2 {
		return fmt.Errorf("payload of %d bytes", len(b))
	}
	t := b[0] & typeMask
	if t != nalFUA && c.inFU {
		return fmt.Errorf("type %d amid a fragmented unit", t)
	}
	switch {
	case t >= 1 && t <= 23:
		return c.unit(t)
	case t == nalSTAPA:
		units, err := splitSTAP(b)
		for _, u := range units {
			err = errors.Join(err, c.unit(u[0]&typeMask))
		}
		return err
	case t != nalFUA:
		return fmt.Errorf("type %d is not of mode 1", t)
	}
	start, end := b[1]&fuStart != 0, b[1]&fuEnd != 0
	header := b[0]&^typeMask | b[1]&typeMask
	switch {
	case len(b) < 3:
		return errors.New("empty fragment")
	case start && end:
		return errors.New("fragment with both start and end")
	case b[1]&0x20 != 0:
		return errors.New("reserved bit set")
	case start == c.inFU:
		return fmt.Errorf("fragment with start %v, while amid a unit: %v", start, c.inFU)
	case !start && header != c.fu:
		return errors.New("fragments of one unit with different headers")
	case h.Marker && !end:
		return errors.New("marker amid a fragmented unit")
	}
	c.inFU, c.fu = !end, header
	if start {
		return c.unit(b[1] & typeMask)
	}
	return nil
}

// unit looks at the beginning of each NAL unit.
func (c *checker) unit(t byte) error {
	switch {
	case t == nalSPS || t == nalPPS:
		c.sets |= 1 << (t - nalSPS)
	case t == nalIDR && c.sets != 3 && c.sure:
		return fmt.Errorf("key frame behind parameter sets %02b", c.sets)
	}
	return nil
}

func splitSTAP(b []byte) ([][]byte, error) {
	var out [][]byte
	var f, nri byte
	for rest := b[1:]; len(rest) > 0; {
		if len(rest) < 3 {
			return nil, errors.New("STAP-A with trailing bytes")
		}
		n := int(rest[0])<<8 | int(rest[1])
		if n == 0 || n > len(rest)-2 {
			return nil, fmt.Errorf("STAP-A with a unit of %d of %d bytes", n, len(rest)-2)
		}
		u := rest[2 : 2+n]
		if t := u[0] & typeMask; t == 0 || t > 23 {
			return nil, fmt.Errorf("STAP-A with type %d", t)
		}
		f, nri = f|u[0]&0x80, max(nri, u[0]&refMask)
		out = append(out, u)
		rest = rest[2+n:]
	}
	if len(out) == 0 || b[0] != f|nri|nalSTAPA {
		return nil, fmt.Errorf("STAP-A header %#x of %d units", b[0], len(out))
	}
	return out, nil
}

// sentUnit is what went out with one timestamp.
type sentUnit struct {
	ts     uint32
	closed bool
	nalus  [][]byte
}

// depacketize puts sent packets together again. Units without end, of damaged
// access units, are left out.
func depacketize(packets []rtp.Packet) ([]sentUnit, error) {
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
		switch b[0] & typeMask {
		case nalSTAPA:
			nalus, err := splitSTAP(b)
			if err != nil {
				return nil, err
			}
			u.nalus = append(u.nalus, nalus...)
		case nalFUA:
			if b[1]&fuStart != 0 {
				fu = []byte{b[0]&^typeMask | b[1]&typeMask}
			}
			fu = append(fu, b[2:]...)
			if b[1]&fuEnd != 0 {
				u.nalus = append(u.nalus, fu)
				fu = nil
			}
		default:
			u.nalus = append(u.nalus, b)
		}
	}
	return out, nil
}

// audioChecker is a Writer that holds what is true of every audio packet.
type audioChecker struct {
	opus        bool
	taken, sent int // bytes
	packets     int
	seq         uint16
	ts          uint32
}

func (c *audioChecker) WriteRTP(h *rtp.Header, payload []byte) error {
	step := int32(h.Timestamp - c.ts)
	switch {
	case len(payload) == 0 || len(payload) > maxAudioPayload:
		return fmt.Errorf("%d bytes", len(payload))
	case !c.opus && (h.Marker || len(payload) > 160):
		return fmt.Errorf("%d bytes, marker %v", len(payload), h.Marker)
	case c.packets > 0 && h.SequenceNumber != c.seq+1:
		return fmt.Errorf("sequence number %d after %d", h.SequenceNumber, c.seq)
	case c.packets > 0 && step <= 0:
		return fmt.Errorf("timestamp went on by %d", step)
	}
	c.seq, c.ts = h.SequenceNumber, h.Timestamp
	c.packets++
	c.sent += len(payload)
	return nil
}
