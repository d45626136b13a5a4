package whip

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

// feedbackWindow turns transport-wide feedback (draft-holmer-rmcat-transport-wide-cc)
// into what gets through: the bytes that the server has acknowledged and the packets
// that it has missed, over the last second.
type feedbackWindow struct {
	mu      sync.Mutex
	next    uint16
	packets []sentPacket // by sequence number; nil until something is sent
	reports [feedbackReports]feedbackReport
	last    int // index of the newest report
}

type sentPacket struct {
	size uint16
	seq  uint16
	fate fate
}

type fate uint8

const (
	unsent fate = iota
	inFlight
	missed
	arrived
)

type feedbackReport struct {
	at            time.Time
	bytes         int
	arrived, lost int
}

const (
	feedbackPackets = 4096 // of 2^16 sequence numbers: a second of 40 Mb/s
	feedbackReports = 64   // servers send 10 to 20 a second
	feedbackSpan    = time.Second
)

// sent notes a packet and returns its number.
func (f *feedbackWindow) sent(size int) uint16 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.packets == nil {
		f.packets = make([]sentPacket, feedbackPackets)
	}
	seq := f.next
	f.next++
	f.packets[seq%feedbackPackets] = sentPacket{size: uint16(min(size, 1<<16-1)), seq: seq, fate: inFlight} // bounded
	return seq
}

// note reads one feedback packet. What it says about packets that were not sent, or
// long ago, is passed over.
func (f *feedbackWindow) note(p *rtcp.TransportLayerCC, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := feedbackReport{at: now}
	seq, left := p.BaseSequenceNumber, int(p.PacketStatusCount)
	one := func(symbol uint16) {
		if left == 0 {
			return
		}
		left--
		f.judge(&r, seq, symbol == rtcp.TypeTCCPacketReceivedSmallDelta || symbol == rtcp.TypeTCCPacketReceivedLargeDelta)
		seq++
	}
	for _, chunk := range p.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range c.RunLength {
				one(c.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, symbol := range c.SymbolList {
				one(symbol)
			}
		}
	}
	f.last = (f.last + 1) % feedbackReports
	f.reports[f.last] = r
}

func (f *feedbackWindow) judge(r *feedbackReport, seq uint16, here bool) {
	if f.packets == nil {
		return
	}
	p := &f.packets[seq%feedbackPackets]
	if p.seq != seq || p.fate == unsent || p.fate == arrived {
		return
	}
	switch {
	case here:
		if p.fate == missed {
			r.lost-- // it was only late
		}
		r.arrived++
		r.bytes += int(p.size)
		p.fate = arrived
	case p.fate == inFlight:
		r.lost++
		p.fate = missed
	}
}

// delivered returns the bits a second that arrived of late, and the part of the
// packets that did not; zeros if the server has said nothing.
func (f *feedbackWindow) delivered(now time.Time) (rate int, loss float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sum feedbackReport
	oldest := now
	for _, r := range f.reports {
		if r.at.IsZero() || now.Sub(r.at) > feedbackSpan {
			continue
		}
		if r.at.Before(oldest) {
			oldest = r.at
		}
		sum.bytes += r.bytes
		sum.arrived += r.arrived
		sum.lost += r.lost
	}
	// A report covers the time before it too, so the span is a little short; with
	// less than a part of the second there is no saying.
	span := now.Sub(oldest)
	if span < feedbackSpan/4 {
		return 0, 0
	}
	rate = int(int64(sum.bytes) * 8 * int64(time.Second) / int64(span))
	if lost := max(sum.lost, 0); lost > 0 {
		loss = float64(lost) / float64(lost+sum.arrived)
	}
	return rate, loss
}

// estimate is the newest REMB (draft-alvestrand-rmcat-remb), the advice of servers
// without transport-wide feedback.
type estimate struct {
	mu   sync.Mutex
	bits float32
	at   time.Time
}

// estimateLife is how long one counts: they come every second or so.
const estimateLife = 10 * time.Second

func (e *estimate) note(bits float32, now time.Time) {
	e.mu.Lock()
	e.bits, e.at = bits, now
	e.mu.Unlock()
}

// rate is in bits a second, 0 if there is none.
func (e *estimate) rate(now time.Time) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at.IsZero() || now.Sub(e.at) > estimateLife || !(e.bits > 0 && e.bits < 1e12) {
		return 0
	}
	return int(e.bits)
}

// available guesses what the path carries: what arrives, and a little more while
// next to nothing is lost; less when much is. A stream that sends little proves
// little, so this is a lower bound.
func available(rate int, loss float64) int {
	switch {
	case loss < 0.02:
		return rate + rate/4
	case loss > 0.1:
		return int(float64(rate) * (1 - loss/2))
	}
	return rate
}
