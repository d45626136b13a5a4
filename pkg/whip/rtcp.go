package whip

import (
	"errors"
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// readRTCP handles what the server sends about one track, until the track is
// stopped.
func (s *Session) readRTCP(t *localTrack, sender *webrtc.RTPSender) {
	defer s.readers.Done()
	buf := make([]byte, 8192) // as much as the library reads at once
	var scratch []byte
	for {
		n, _, err := sender.Read(buf)
		if errors.Is(err, io.ErrShortBuffer) {
			s.malformed.Add(1)
			continue
		}
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			// The library drops what does not parse, or fails authentication,
			// before it gets here; what it lets through and cannot be read is counted.
			s.malformed.Add(1)
			continue
		}
		now := time.Now()
		for _, p := range packets {
			scratch = s.handleRTCP(t, p, now, scratch)
		}
	}
}

// handleRTCP acts on one packet. Others than these are legal and of no use here.
func (s *Session) handleRTCP(t *localTrack, p rtcp.Packet, now time.Time, scratch []byte) []byte {
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
			scratch = t.answerNack(p.Nacks, scratch)
			s.sockets.flush()
		}
	case *rtcp.TransportLayerCC:
		s.feedback.note(p, now)
	case *rtcp.ReceiverReport:
		s.noteReports(t, p.Reports, now)
	case *rtcp.SenderReport:
		s.noteReports(t, p.Reports, now)
	}
	return scratch
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

func (t *localTrack) answerNack(pairs []rtcp.NackPair, scratch []byte) []byte {
	if t.pacer != nil {
		for i := range pairs {
			seqs := pairs[i].PacketList()
			t.nacked.Add(uint64(len(seqs)))
			t.pacer.resend(seqs, time.Now())
		}
		return scratch
	}
	for i := range pairs {
		pairs[i].Range(func(seq uint16) bool {
			t.nacked.Add(1)
			scratch, _ = t.resend(seq, scratch)
			return true
		})
	}
	return scratch
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
		if rtt := roundTrip(now, r); rtt > 0 {
			s.rtt.Store(int64(rtt))
		}
	}
}
