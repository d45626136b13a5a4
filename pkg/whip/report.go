package whip

import (
	"time"

	"github.com/pion/rtcp"
)

// reportSlot is the grid on which sender reports are sent, so that those of many
// sessions do not each wake the program up.
const reportSlot = 250 * time.Millisecond

// reportWait is how long to wait for the next report, about reportInterval.
func reportWait(now time.Time) time.Duration {
	return now.Add(reportInterval).Round(reportSlot).Sub(now)
}

// ntpTime is a time as in RTCP (RFC 3550 section 4): seconds since 1900 in 32.32
// bits fixed point.
func ntpTime(t time.Time) uint64 {
	const since1900 = 2208988800 // seconds from 1900 to 1970
	seconds := uint64(t.Unix() + since1900)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}

// roundTrip is RFC 3550 section 6.4.1: arrival minus the last sender report minus
// the delay since it, in the middle 32 bits of NTP time. It is 0 if the peer has
// seen no sender report, or its numbers make no sense.
func roundTrip(arrived time.Time, r rtcp.ReceptionReport) time.Duration {
	if r.LastSenderReport == 0 {
		return 0
	}
	units := uint32(ntpTime(arrived)>>16) - r.LastSenderReport - r.Delay
	if units > 1<<31 { // negative: the clock was set, or rounding
		return 0
	}
	if d := time.Duration(units) * time.Second >> 16; d < time.Minute {
		return d
	}
	return 0
}

// sentLine is what a sender report needs to know about a track.
type sentLine struct {
	packets   uint32
	octets    uint32
	timestamp uint32    // of the newest access unit or audio frame
	at        time.Time // when its first packet was written
	clock     steadyClock
	// delay is by how much earlier than by at what the packets hold has happened.
	delay time.Duration
}

// observe notes when a packet was written. The pairing of RTP time and wall-clock
// time is taken at the first packet of a timestamp, so that the time to send a large
// picture does not move it.
func (l *sentLine) observe(timestamp uint32, now time.Time) {
	if l.at.IsZero() || timestamp != l.timestamp {
		l.timestamp, l.at = timestamp, now
		l.clock.observe(timestamp, now)
	}
}

// count notes a packet that is sent.
func (l *sentLine) count(size int) {
	l.packets++
	l.octets += uint32(size) // wraps, as RFC 3550 section 6.4.1 has it
}

// report makes the sender report; ok is false while nothing has been sent.
func (l *sentLine) report(ssrc uint32, now time.Time) (sr *rtcp.SenderReport, ok bool) {
	if l.packets == 0 {
		return nil, false
	}
	return &rtcp.SenderReport{
		SSRC:        ssrc,
		NTPTime:     ntpTime(now),
		RTPTime:     l.clock.stamp(now.Add(l.delay)),
		PacketCount: l.packets,
		OctetCount:  l.octets,
	}, true
}

// sourceDescription carries the CNAME, which RFC 3550 section 6.1 wants in every
// compound packet.
func sourceDescription(ssrc uint32, cname string) *rtcp.SourceDescription {
	return &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: ssrc,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
	}}}
}

// sendReports sends each track's sender report.
func (s *Session) sendReports() {
	now := time.Now()
	for _, t := range s.tracks {
		s.report(t, now)
	}
}

// sendBye says that the tracks end (RFC 3550 section 6.6), last report included.
func (s *Session) sendBye() {
	now := time.Now()
	for _, t := range s.tracks {
		s.report(t, now, &rtcp.Goodbye{Sources: []uint32{t.ssrc}})
	}
}

// steady is a time by this machine's clock as it was when the session began: a clock
// that is set in between, as on a box that has just booted, must not set the session's.
func (s *Session) steady(now time.Time) time.Time { return s.epoch.Add(now.Sub(s.epoch)) }

// report sends a track's sender report with the CNAME, as RFC 3550 section 6.1 wants it
// at the head of each compound packet, and what else there is to say; nothing before
// the track's first packet.
func (s *Session) report(t *localTrack, now time.Time, more ...rtcp.Packet) {
	t.mu.Lock()
	sr, ok := t.line.report(t.ssrc, s.steady(now))
	t.mu.Unlock()
	if ok {
		_ = s.peer.writeRTCP(append([]rtcp.Packet{sr, sourceDescription(t.ssrc, s.cname)}, more...)...)
	}
}
