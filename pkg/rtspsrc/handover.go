package rtspsrc

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/pion/rtp"
)

// straight hands a packet to the tap, unless gortsplib is to see it.
func (in *datagramInlet) straight(b []byte, arrived time.Time) bool {
	if in.tap == nil || arrived.Sub(in.life) >= in.lifeEvery {
		in.life = arrived
		return false
	}
	in.tap(b, arrived)
	return true
}

// handover is what became of the packet that gortsplib was given last.
type handover struct {
	open    bool // gortsplib has not confirmed it
	from    *net.UDPAddr
	arrived time.Time
	pt      uint8
	seq     uint16
	whole   []byte // the packet, if gortsplib has only room for its beginning
}

// give hands a packet to gortsplib, RTP with a number that it expects.
func (in *datagramInlet) give(p, b []byte, from *net.UDPAddr, arrived time.Time) int {
	in.given = handover{}
	if !isRTP(b) {
		return copy(p, b)
	}
	in.given = handover{
		open: true, from: from, arrived: arrived,
		pt: b[1] & 0x7f, seq: binary.BigEndian.Uint16(b[2:]),
	}
	n := len(b)
	if n < len(p) {
		copy(p, b)
	} else {
		// gortsplib's buffer is too small: it gets a packet without payload.
		in.given.whole = append([]byte(nil), b...)
		n = copy(p, b[:12])
		p[0] = 0x80
	}
	binary.BigEndian.PutUint16(p[2:], in.numbers[in.given.pt]+1)
	return n
}

// settle gives a packet that gortsplib has accepted its sequence number and, if
// need be, its payload back, and tells when it arrived. It runs inside the call in
// which gortsplib works on what ReadFrom has returned.
func (in *datagramInlet) settle(pkt *rtp.Packet) (arrived time.Time, ok bool) {
	g := &in.given
	if !in.ordered || !g.open || g.pt != pkt.PayloadType {
		return time.Now(), true
	}
	g.open = false
	in.numbers[g.pt]++
	if in.peer == nil { // the order does not know of this packet
		in.order.source(pkt.SSRC, g.seq).next = g.seq + 1
	}
	in.peer = g.from
	pkt.SequenceNumber = g.seq
	if g.whole != nil {
		whole := g.whole
		g.whole = nil
		return g.arrived, pkt.Unmarshal(whole) == nil
	}
	return g.arrived, true
}

// sameAddr compares as gortsplib does, IPv4 in IPv6 included.
func sameAddr(a, b *net.UDPAddr) bool { return a == b || a.Port == b.Port && a.IP.Equal(b.IP) }
