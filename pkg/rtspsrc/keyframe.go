package rtspsrc

import (
	"errors"
	"time"

	"github.com/pion/rtcp"
)

// RequestKeyFrame asks the camera for a key frame by RTCP: by PLI the first time,
// then by FIR (RFC 5104), and so on in turn, because cameras that know one often
// ignore the other. Many ignore both, so nil only means that it was sent.
func (s *Session) RequestKeyFrame() error {
	s.mu.Lock()
	rs, over := s.receivers, s.cause != nil || s.ended
	s.mu.Unlock()
	fail := func(err error) error { return &Error{Op: "key frame", URL: s.src.name, Err: err} }
	if over {
		return fail(ErrClosed)
	}
	for _, r := range rs {
		if r.track.Kind != Video {
			continue
		}
		if r.packets.Load() == 0 {
			return fail(errors.New("no video packet has come yet"))
		}
		if err := r.link.client.WritePacketRTCP(r.media, r.compound(time.Now(), r.refresh())); err != nil {
			return fail(err)
		}
		return nil
	}
	return fail(errors.New("no video is played"))
}

// refresh returns PLI and FIR in turn.
func (r *receiver) refresh() rtcp.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	fir := r.useFIR
	r.useFIR = !fir
	if !fir {
		return &rtcp.PictureLossIndication{SenderSSRC: r.ssrc, MediaSSRC: r.source.Load()}
	}
	r.firSeq++
	return &rtcp.FullIntraRequest{
		SenderSSRC: r.ssrc,
		FIR:        []rtcp.FIREntry{{SSRC: r.source.Load(), SequenceNumber: r.firSeq}},
	}
}
