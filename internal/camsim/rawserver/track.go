package rawserver

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// track is a media on its way to one client. But for its reading of reports it is
// used by the player's goroutine alone.
type track struct {
	session *session
	media   *media
	clock   int // Hz

	channel  byte // TCP
	rtp      net.PacketConn
	rtcp     net.PacketConn
	to       net.Addr // UDP; nil over TCP
	toRTCP   net.Addr
	impaired *impairment

	ssrc    uint32
	began   time.Time
	unit    int    // access units so far
	shift   uint32 // added to timestamps
	epochs  int    // how often timestamps have begun anew
	pending bool   // they are to, with the next packet
	jump    uint16 // added to sequence numbers
	frames  int
	packets uint32
	octets  uint32
	report  time.Time // the last sender report
	reports int
}

func newTrack(ss *session, m *media) *track {
	t := &track{session: ss, media: m, ssrc: rand.Uint32(), clock: reel.VideoClock}
	if m.track != nil {
		t.clock = m.track.Sound.ClockRate
	}
	t.impaired = newImpairment(ss.srv.cfg.Seed)
	t.pending = ss.srv.cfg.Faults.TimestampReset > 0
	return t
}

func (t *track) close() {
	if t.to != nil {
		_ = t.rtp.Close()
		_ = t.rtcp.Close()
	}
}

// beginUnit notes that the next packets are of a new access unit.
func (t *track) beginUnit(nalus [][]byte) {
	f := t.session.srv.cfg.Faults
	t.unit++
	t.age()
	if t.unit == 1 || !hasIDR(nalus) {
		return
	}
	if f.SSRCPerKeyFrame {
		t.ssrc = rand.Uint32()
	}
	if f.SeqJumps {
		t.jump += 5000
	}
}

// age begins the timestamps anew when it is time.
func (t *track) age() {
	d := t.session.srv.cfg.Faults.TimestampReset
	if d == 0 || t.began.IsZero() {
		return
	}
	if n := int(time.Since(t.began) / d); n > t.epochs {
		t.epochs, t.pending = n, true
	}
}

func hasIDR(nalus [][]byte) bool {
	for _, n := range nalus {
		if n[0]&0x1f == 5 {
			return true
		}
	}
	return false
}

// send sends one of the player's packets with the faults in its numbers.
func (t *track) send(in *rtp.Packet, ntp time.Time) error {
	f := t.session.srv.cfg.Faults
	if t.began.IsZero() {
		t.began = time.Now()
	}
	if t.media.track != nil {
		t.age() // every packet is a unit
	}
	if t.pending {
		t.shift, t.pending = -in.Timestamp, false
	}
	h := in.Header
	h.SSRC = t.ssrc
	h.SequenceNumber += t.jump
	h.Timestamp += t.shift
	if t.media.film != nil {
		ntp = ntp.Add(-f.SlowVideo)
	}
	t.sendReport(h.Timestamp, ntp)
	if n := f.HoursOff; n > 0 && t.media.film != nil && t.unit%n == 0 {
		h.Timestamp += uint32(3 * 3600 * t.clock)
	}
	b, err := (&rtp.Packet{Header: h, Payload: in.Payload}).Marshal()
	if err != nil {
		return err
	}
	t.packets++
	t.octets += uint32(len(in.Payload))
	if t.to == nil {
		return t.session.conn.write(t.surround(interleave(t.channel, b)))
	}
	return t.sendUDP(b)
}

func (t *track) sendUDP(b []byte) error {
	if t.session.srv.cfg.Faults.SilentUDP {
		return nil
	}
	datagrams, touched := t.impaired.pass(b, *t.session.srv.rates.Load())
	if touched {
		t.session.srv.tally(func(c *Counts) { c.Impaired++ })
	}
	for _, d := range datagrams {
		if _, err := t.rtp.WriteTo(d, t.to); err != nil {
			return err
		}
	}
	return nil
}

// interleave frames a packet (RFC 2326, section 10.12).
func interleave(channel byte, packet []byte) []byte {
	b := append(make([]byte, 0, 4+len(packet)), '$', channel)
	b = binary.BigEndian.AppendUint16(b, uint16(len(packet)))
	return append(b, packet...)
}

// reportEvery is the time between sender reports.
const reportEvery = time.Second

// sendReport sends a sender report when one is due.
func (t *track) sendReport(timestamp uint32, ntp time.Time) {
	f := t.session.srv.cfg.Faults
	if f.Clock == ClockAbsent || time.Since(t.report) < reportEvery {
		return
	}
	t.report = time.Now()
	t.reports++
	if f.Clock == ClockSteps {
		step := time.Hour
		if t.reports%2 == 0 {
			step = -step
		}
		ntp = ntp.Add(step)
	}
	b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{
		SSRC: t.ssrc, NTPTime: ntpTime(ntp), RTPTime: timestamp, PacketCount: t.packets, OctetCount: t.octets,
	}})
	if err != nil {
		return
	}
	if f.BadRTCP {
		b = b[:len(b)-6] // shorter than it says
	}
	// Who is not there any more is found out with the next packet.
	switch {
	case t.to == nil:
		_ = t.session.conn.write(interleave(t.channel+1, b))
	case !f.SilentUDP:
		_, _ = t.rtcp.WriteTo(b, t.toRTCP)
	}
}

// ntpTime is RFC 3550's: seconds since 1900 and their fraction, 32 bits each.
func ntpTime(t time.Time) uint64 {
	return uint64(t.Unix()+2208988800)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// readReports takes what the client sends to the RTCP port until that is closed.
func (t *track) readReports() {
	buf := make([]byte, 1500)
	for {
		n, _, err := t.rtcp.ReadFrom(buf)
		if err != nil {
			return
		}
		t.session.onRTCP(buf[:n])
	}
}
