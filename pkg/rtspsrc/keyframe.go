package rtspsrc

import (
	"context"
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/pion/rtcp"
)

// KeyFrameRequest is a way to ask a camera for a key frame within its RTSP session.
type KeyFrameRequest int

const (
	// PLI is RTCP's picture loss indication (RFC 4585 section 6.3.1).
	PLI KeyFrameRequest = iota
	// FIR is RTCP's full intra request (RFC 5104 section 4.3.1).
	FIR
	// RenewStream is SET_PARAMETER with "Renew-Stream: yes", which cameras of Axis
	// honour. Others should not be bothered with it: some end the session.
	RenewStream
)

// RequestKeyFrame asks the camera for a key frame by RTCP: by PLI the first time,
// then by FIR (RFC 5104), and so on in turn, because cameras that know one often
// ignore the other. Many ignore both, so nil only means that it was sent.
func (s *Session) RequestKeyFrame() error {
	return s.keyFrame(func(r *receiver) error { return r.send(r.refresh()) })
}

// RequestKeyFrameBy asks in one way. PLI and FIR are never answered, so that nil
// only means that they were sent; after RenewStream it means that the camera has
// said yes. A camera's refusal is an [*Error] with its Status.
func (s *Session) RequestKeyFrameBy(ctx context.Context, how KeyFrameRequest) error {
	return s.keyFrame(func(r *receiver) error {
		switch how {
		case PLI:
			return r.send(r.pli())
		case FIR:
			return r.send(r.fir())
		case RenewStream:
			return r.link.renewStream(ctx)
		}
		return errors.New("no such request")
	})
}

// keyFrame does what asks for a key frame on the video that is played.
func (s *Session) keyFrame(ask func(*receiver) error) error {
	s.mu.Lock()
	rs, over := s.receivers, s.cause != nil || s.ended
	s.mu.Unlock()
	fail := func(err error) error {
		e := &Error{Op: "key frame", URL: s.src.name, Err: err}
		var status statusError
		if errors.As(err, &status) {
			e.Status = status.code
		}
		return e
	}
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
		if err := ask(r); err != nil {
			return fail(err)
		}
		return nil
	}
	return fail(errors.New("no video is played"))
}

func (r *receiver) send(pkt rtcp.Packet) error {
	return r.link.client.WritePacketRTCP(r.media, r.compound(time.Now(), pkt))
}

// refresh returns PLI and FIR in turn.
func (r *receiver) refresh() rtcp.Packet {
	r.mu.Lock()
	fir := r.useFIR
	r.useFIR = !fir
	r.mu.Unlock()
	if fir {
		return r.fir()
	}
	return r.pli()
}

func (r *receiver) pli() rtcp.Packet {
	return &rtcp.PictureLossIndication{SenderSSRC: r.ssrc, MediaSSRC: r.source.Load()}
}

func (r *receiver) fir() rtcp.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.firSeq++
	return &rtcp.FullIntraRequest{
		SenderSSRC: r.ssrc,
		FIR:        []rtcp.FIREntry{{SSRC: r.source.Load(), SequenceNumber: r.firSeq}},
	}
}

// renewStream sends Axis's request beside gortsplib, which has no call for it, and
// waits for the answer.
func (l *link) renewStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.src.cfg.RequestTimeout)
	defer cancel()
	for try := 0; ; try++ {
		answer := make(chan base.StatusCode, 1)
		if err := l.writeRenewStream(answer); err != nil {
			return err
		}
		var status base.StatusCode
		select {
		case status = <-answer:
		case <-ctx.Done():
			return ctx.Err()
		case <-l.ended:
			return ErrClosed
		}
		switch {
		case status < 300:
			return nil
		case status == base.StatusUnauthorized && try == 0 && l.url.User != nil:
			// The credentials were good enough to play: the nonce has expired.
			continue
		}
		return statusError{code: int(status)}
	}
}

func (l *link) writeRenewStream(answer chan<- base.StatusCode) error {
	nc := l.client.NetConn()
	l.mu.Lock()
	u, session := l.alive.url, l.alive.session
	if nc == nil || u == nil || session == nil {
		l.mu.Unlock()
		return ErrClosed
	}
	req := &base.Request{
		Method: base.SetParameter, URL: u,
		Header: base.Header{
			"User-Agent":   base.HeaderValue{l.src.cfg.UserAgent},
			"Session":      session,
			"Content-Type": base.HeaderValue{"text/parameters"},
		},
		Body: []byte("Renew-Stream: yes\r\n"),
	}
	l.prepare(req, asked{method: req.Method, keepAlive: true, answer: answer})
	l.mu.Unlock()
	b, err := req.Marshal()
	if err != nil {
		return err
	}
	if err := nc.SetWriteDeadline(time.Now().Add(l.src.cfg.RequestTimeout)); err != nil {
		return err
	}
	_, err = nc.Write(b)
	return err
}
