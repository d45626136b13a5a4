package rtspsrc

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// receiver counts what arrives on one track, for Stats and for receiver reports.
type receiver struct {
	link    *link
	socket  *datagramInlet // of its RTP, nil over TCP
	media   *description.Media
	track   Track
	started time.Time
	ssrc    uint32 // ours, in reports

	pkt   rtp.Packet // the one that parse has read
	named [128]bool  // payload types that the description names for this media

	last    atomic.Int64  // arrival of the last packet, time.Duration since started
	bytes   atomic.Uint64 // RTP, headers included
	packets atomic.Uint64
	source  atomic.Uint32 // the camera's SSRC

	mu        sync.Mutex
	base, max uint32 // extended sequence numbers, RFC 3550 appendix A.1
	restarted uint32 // packets counted before the last jump of the sequence
	lost      uint64 // before that jump
	transit   int64
	jitter    float64
	clock     senderClock
	prevLost  uint64
	prevWant  uint64
	firSeq    uint8
	useFIR    bool
}

func newReceiver(l *link, m *description.Media, t Track, started time.Time) *receiver {
	return &receiver{link: l, media: m, track: t, started: started, ssrc: rand.Uint32()}
}

// maxDropout is the largest gap that counts as loss; a larger one, or a step far
// back, is a camera that has started its numbers anew (RFC 3550 appendix A.1).
const maxDropout = 3000

// count notes one packet and reports whether it was the track's first.
func (r *receiver) count(pkt *rtp.Packet, arrived time.Time) (first bool) {
	r.last.Store(max(1, int64(arrived.Sub(r.started))))
	r.bytes.Add(uint64(pkt.MarshalSize()))
	first = r.packets.Add(1) == 1
	seq := pkt.SequenceNumber

	r.mu.Lock()
	defer r.mu.Unlock()
	if first || pkt.SSRC != r.source.Load() {
		r.source.Store(pkt.SSRC)
		r.restart(seq, first)
		if !first {
			r.clock = senderClock{bad: r.clock.bad} // it was another stream's
		}
	} else {
		switch ahead := seq - uint16(r.max); {
		case ahead < maxDropout:
			r.max += uint32(ahead)
		case ahead < 1<<15 || -ahead > 100:
			r.restart(seq, false)
		}
	}
	if r.track.ClockRate > 0 {
		// RFC 3550 section 6.4.1, in RTP clock units; only differences matter.
		at := int64(arrived.Sub(r.started).Seconds() * float64(r.track.ClockRate))
		transit := int64(int32(uint32(at) - pkt.Timestamp))
		if !first {
			d := transit - r.transit
			r.jitter += (float64(max(d, -d)) - r.jitter) / 16
		}
		r.transit = transit
	}
	return first
}

// restart begins a new run of sequence numbers.
func (r *receiver) restart(seq uint16, first bool) {
	if !first {
		r.lost = r.missing(r.packets.Load() - 1)
		r.restarted = uint32(r.packets.Load() - 1)
		r.clock.agreed = false // timestamps begin anew with the numbers
	}
	r.base, r.max = uint32(seq), uint32(seq)
}

// missing is the number of packets lost when got have arrived.
func (r *receiver) missing(got uint64) uint64 {
	want := uint64(r.max-r.base) + 1
	got -= uint64(r.restarted)
	if got >= want {
		return r.lost
	}
	return r.lost + want - got
}

// report notes a sender report.
func (r *receiver) report(pkt rtcp.Packet, now time.Time) {
	sr, ok := pkt.(*rtcp.SenderReport)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packets.Load() > 0 && sr.SSRC != r.source.Load() {
		r.clock.bad++ // of another stream, or of a camera that mixes them up
		return
	}
	r.clock.take(sr, r.track.ClockRate, now)
}

// adopt makes the sockets that SETUP has opened this track's.
func (r *receiver) adopt(l *link) {
	r.socket = l.rtpSocket.Load()
	rtcpSocket := l.rtcpSocket.Load()
	if r.socket == nil || rtcpSocket == nil || !r.socket.ordered {
		return
	}
	rtcpSocket.report = func(b []byte) []byte {
		if binary.BigEndian.Uint32(b[8:]) != r.source.Load() {
			return nil // of a payload type that is not used
		}
		out, err := r.compound(time.Now()).Marshal()
		if err != nil {
			return nil
		}
		return out
	}
}

// arrival tells when a packet arrived, and completes it if it came over UDP.
func (r *receiver) arrival(pkt *rtp.Packet) (time.Time, bool) {
	switch {
	case r.socket != nil:
		return r.socket.settle(pkt)
	case r.link.proto == gortsplib.ProtocolTCP:
		return r.link.inlet.Load().arrived, true
	}
	return time.Now(), true
}

func (r *receiver) addTo(st *Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.packets.Load()
	st.BytesReceived += r.bytes.Load()
	st.PacketsReceived += got
	if got > 0 {
		st.PacketsLost += r.missing(got)
	}
	st.ReportsUnusable += r.clock.bad
	if r.socket != nil {
		st.PacketsReordered += r.socket.order.reordered.Load()
		st.PacketsLate += r.socket.order.late.Load()
	}
}

// reception is the report block of RFC 3550 section 6.4.1, nil before any packet.
func (r *receiver) reception(now time.Time) []rtcp.ReceptionReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.packets.Load()
	if got == 0 {
		return nil
	}
	lost := r.missing(got)
	want := got + lost
	rr := rtcp.ReceptionReport{
		SSRC:               r.source.Load(),
		TotalLost:          uint32(min(lost, 1<<23-1)),
		LastSequenceNumber: r.max,
		Jitter:             uint32(r.jitter),
		LastSenderReport:   uint32(r.clock.ntp >> 16),
	}
	if wanted := want - r.prevWant; wanted > 0 && want > r.prevWant {
		rr.FractionLost = uint8(min((lost-r.prevLost)*256/wanted, 255))
	}
	r.prevLost, r.prevWant = lost, want
	if r.clock.seen {
		rr.Delay = uint32(now.Sub(r.clock.at).Seconds() * 65536)
	}
	return []rtcp.ReceptionReport{rr}
}

// compound begins every RTCP packet as RFC 3550 section 6.1 wants it.
func (r *receiver) compound(now time.Time, more ...rtcp.Packet) rtcp.Packet {
	c := append(rtcp.CompoundPacket{
		&rtcp.ReceiverReport{SSRC: r.ssrc, Reports: r.reception(now)},
		rtcp.NewCNAMESourceDescription(r.ssrc, strconv.FormatUint(uint64(r.ssrc), 36)),
	}, more...)
	return &c
}

// sendReport sends a receiver report. A camera that takes none ends the session
// in other ways.
func (r *receiver) sendReport(now time.Time) {
	_ = r.link.client.WritePacketRTCP(r.media, r.compound(now))
}
