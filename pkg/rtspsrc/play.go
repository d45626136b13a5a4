package rtspsrc

import (
	"context"
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

// errSilent is UDP that brings nothing although the camera has answered PLAY.
var errSilent = errors.New("no packet arrives over UDP")

// Play sets up the given tracks, which are those of Tracks or some of them, and
// starts them. An audio track that the camera refuses to set up is left out, if a
// track before it was accepted. Play is called once; if it fails, the session is over. Over UDP it
// returns only when the first packet has come, or TCP has replaced UDP.
func (s *Session) Play(ctx context.Context, tracks []Track, h Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	err := s.err
	switch {
	case err != nil:
	case s.cause != nil:
		err = &Error{Op: "play", URL: s.src.name, Err: ErrClosed}
	case s.played:
		err = &Error{Op: "play", URL: s.src.name, Err: errors.New("called twice")}
	case len(tracks) == 0:
		err = &Error{Op: "play", URL: s.src.name, Err: errors.New("no tracks given")}
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.played, s.starting = true, true
	s.cancelPlay = cancel
	s.work.Add(1)
	s.mu.Unlock()
	defer s.work.Done()

	if err := s.play(ctx, tracks, h); err != nil {
		s.end(err)
		s.finish(err) // no link may be left whose end would do it
		return s.Err()
	}
	s.mu.Lock()
	s.starting = false
	l := s.link
	s.mu.Unlock()
	s.work.Add(1)
	go s.watch()
	select {
	case <-l.ended:
		s.finishWith(l)
	default:
	}
	return nil
}

// play tries one transport after the other.
func (s *Session) play(ctx context.Context, tracks []Track, h Handler) error {
	s.mu.Lock()
	l := s.link
	s.mu.Unlock()
	var silent error // why TCP was tried in place of UDP
	for {
		err := s.start(ctx, l, tracks, h)
		if err == nil {
			s.protocol.Store(protocolName(l.proto))
			if !l.makeshift {
				s.src.learn(l.proto)
			}
			return nil
		}
		switch {
		case errors.Is(err, errSilent):
			silent = err
		case silent != nil && refusesTransport(err):
			// The camera has no TCP, which nobody need set right: it sends nothing, and
			// that may pass.
			err = silent
			if e := new(*Error); errors.As(err, e) {
				(*e).hint = "the camera has no TCP, and nothing comes from it over UDP: restart it if this lasts; a firewall may block its UDP packets"
			}
		}
		next, ok := s.src.instead(l, err)
		if !ok || ctx.Err() != nil {
			return err
		}
		s.src.log.Warn("camera transport changed", "url", s.src.name,
			"from", protocolName(l.proto), "to", protocolName(next), "reason", err.Error())
		makeshift := errors.Is(err, ErrOldMedia)
		if l, err = s.exchange(ctx, l, next, tracks); err != nil {
			return err
		}
		l.makeshift = makeshift
	}
}

// instead names the transport to try after err. A transport that was asked for is
// kept, except that UDP which brings nothing gives way to TCP.
func (s *Source) instead(l *link, err error) (gortsplib.Protocol, bool) {
	s.mu.Lock()
	learned := s.learned
	s.learned = false
	s.mu.Unlock()
	switch {
	case l.proto == gortsplib.ProtocolUDP && errors.Is(err, errSilent):
		// In auto mode UDP was only tried because the camera refuses TCP, unless
		// that was long ago.
		return gortsplib.ProtocolTCP, s.cfg.Transport == UDP || learned
	case refusesTransport(err):
		return gortsplib.ProtocolUDP, s.udpAfter(l.proto)
	}
	return s.evade(l.proto, err)
}

// evade names the transport that gets around the media of an old session, which
// come over our connection in the middle of the dialog: over UDP they can be told
// from ours.
func (s *Source) evade(proto gortsplib.Protocol, err error) (gortsplib.Protocol, bool) {
	return gortsplib.ProtocolUDP, errors.Is(err, ErrOldMedia) && s.udpAfter(proto)
}

// udpAfter reports whether UDP may be tried.
func (s *Source) udpAfter(proto gortsplib.Protocol) bool {
	return proto == gortsplib.ProtocolTCP && s.cfg.Transport == Auto && s.url.Scheme == "rtsp" && s.tunnel == gortsplib.TunnelNone
}

// refusesTransport reports that the camera wants another transport.
func refusesTransport(err error) bool {
	var e *Error
	if errors.As(err, &e) && e.Op == "setup" {
		switch e.Status {
		case 461, 501, 551:
			return true
		}
	}
	var udp liberrors.ErrClientServerRequestedUDP
	var noChannels liberrors.ErrClientTransportHeaderNoInterleavedIDs
	return errors.As(err, &udp) || errors.As(err, &noChannels)
}

// exchange closes a link and opens another, one after the other: many cameras
// have no more than one session to give.
func (s *Session) exchange(ctx context.Context, old *link, proto gortsplib.Protocol, tracks []Track) (*link, error) {
	s.mu.Lock()
	s.link = nil
	s.receivers = nil
	s.mu.Unlock()
	old.close()
	l, err := s.src.describe(ctx, proto)
	if err != nil {
		return nil, err
	}
	for _, t := range tracks {
		if _, _, err := l.find(t); err != nil {
			l.close()
			return nil, l.fail("describe", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link = l
	s.work.Add(1)
	go s.follow(l)
	return l, nil
}

// start sets up and plays the tracks on one link.
func (s *Session) start(ctx context.Context, l *link, tracks []Track, h Handler) error {
	step := "setup"
	err := l.during(ctx, func() error {
		receivers, err := s.setup(l, tracks, h)
		if err != nil {
			return err
		}
		step = "play"
		s.mu.Lock()
		s.receivers = receivers
		s.mu.Unlock()
		return l.twice(func() error {
			_, err := l.client.Play(nil)
			return err
		})
	})
	if err != nil {
		return l.fail(step, err)
	}
	if l.proto == gortsplib.ProtocolTCP {
		return nil
	}
	t := time.NewTimer(s.src.cfg.UDPSilence)
	defer t.Stop()
	select {
	case <-s.flowing:
		return nil
	case <-l.ended:
		return l.fail("play", l.endErr)
	case <-ctx.Done():
		return s.src.contextError("play", ctx.Err())
	case <-t.C:
		return l.fail("play", errSilent)
	}
}
