package whip

import (
	"time"

	"github.com/pion/rtcp"
)

// takeRTCP handles what the server sends about the tracks. It is called by the
// connection's reader.
func (s *Session) takeRTCP(plain []byte) {
	packets, err := rtcp.Unmarshal(plain)
	if err != nil {
		// What fails authentication does not get here; what passes it and cannot be
		// read is counted.
		s.malformed.Add(1)
		return
	}
	now := time.Now()
	for _, p := range packets {
		switch p := p.(type) { // about the whole connection
		case *rtcp.TransportLayerCC:
			s.feedback.note(p, now)
			continue
		case *rtcp.ReceiverEstimatedMaximumBitrate:
			s.estimate.note(p.Bitrate, now)
			continue
		}
		for _, t := range s.tracks {
			s.handleRTCP(t, p, now)
		}
	}
}

// handleRTCP acts on what a packet says of a track. Others than these are legal and of
// no use here.
func (s *Session) handleRTCP(t *localTrack, p rtcp.Packet, now time.Time) {
	switch p := p.(type) {
	case *rtcp.PictureLossIndication:
		if p.MediaSSRC == t.ssrc {
			t.pli.Add(1)
			s.keyFrameWanted(t)
		}
	case *rtcp.FullIntraRequest:
		for _, entry := range p.FIR {
			if entry.SSRC == t.ssrc && t.newFIR(entry.SequenceNumber) {
				t.fir.Add(1)
				s.keyFrameWanted(t)
			}
		}
	case *rtcp.TransportLayerNack:
		if p.MediaSSRC == t.ssrc {
			t.answerNack(p.Nacks)
			s.sockets.flush()
		}
	case *rtcp.RawPacket:
		s.handleUnknown(t, *p, now)
	case *rtcp.ReceiverReport:
		s.noteReports(t, p.Reports, now)
	case *rtcp.SenderReport:
		s.noteReports(t, p.Reports, now)
	}
}

// handleUnknown acts on what the RTCP library has no type for.
func (s *Session) handleUnknown(t *localTrack, raw []byte, now time.Time) {
	request, err := parseTMMBR(raw)
	if err != nil {
		return // legal, whatever it is
	}
	if notification, ok := t.tmmbr(request); ok {
		s.report(t, now, notification) // if it is lost, the server asks again
	}
}

func (s *Session) keyFrameWanted(t *localTrack) {
	if f := s.client.cfg.OnKeyFrameRequest; f != nil {
		f(t.index)
	}
}

// newFIR tells a new request from the repetition of the last one (RFC 5104 section
// 4.3.1.2).
func (t *localTrack) newFIR(seq uint8) bool {
	if t.firSeen && t.firSeq == seq {
		return false
	}
	t.firSeen, t.firSeq = true, seq
	return true
}

func (t *localTrack) answerNack(pairs []rtcp.NackPair) {
	if t.pacer != nil {
		for i := range pairs {
			seqs := pairs[i].PacketList()
			t.nacked.Add(uint64(len(seqs)))
			t.pacer.resend(seqs, time.Now())
		}
		return
	}
	now := time.Now()
	for i := range pairs {
		pairs[i].Range(func(seq uint16) bool {
			t.nacked.Add(1)
			if t.budget.allows(t.bytesSent.Load(), now) { // else the server asks again
				if n := t.resend(seq); n > 0 {
					t.budget.spend(rtpHeaderSize+n, now)
				}
			}
			return true
		})
	}
}

func (s *Session) noteReports(t *localTrack, reports []rtcp.ReceptionReport, now time.Time) {
	for _, r := range reports {
		if r.SSRC != t.ssrc {
			continue
		}
		lost := int64(r.TotalLost)
		if lost >= 1<<23 { // a signed number of 24 bits: duplicates make it negative
			lost -= 1 << 24
		}
		t.remote.Store(&remoteReport{
			fractionLost: float64(r.FractionLost) / 256,
			lost:         lost,
			jitter:       time.Duration(r.Jitter) * time.Second / time.Duration(t.chosen.ClockRate),
			at:           now,
		})
		t.breaker.report(r.LastSequenceNumber, float64(r.FractionLost)/256, t.sent(), now)
		if rtt := roundTrip(s.steady(now), r); rtt > 0 {
			s.rtt.Store(int64(rtt))
		}
	}
}
