package rtspsrc

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
)

// redirectMethod is the request that gortsplib has no name for (RFC 2326 section
// 10.10).
const redirectMethod base.Method = "REDIRECT"

// onServerRequest runs before gortsplib answers a request of the camera's.
// gortsplib answers OPTIONS and ends the session at any other.
func (l *link) onServerRequest(req *base.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch req.Method {
	case base.Teardown: // the session ends, as it should
		return
	case redirectMethod:
		if v := req.Header["Location"]; len(v) > 0 {
			l.location = v[0]
		}
		return
	case base.Options, base.GetParameter, base.SetParameter, base.Announce:
		// A sign of life, or news about the stream, which tells by itself what it is.
		l.reply = base.StatusOK
	default:
		l.reply = base.StatusNotImplemented
	}
	req.Method = base.Options
}

// onServerResponse runs before gortsplib writes its answer.
func (l *link) onServerResponse(res *base.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	res.StatusCode = l.reply
}

// summoned tells why a request of the camera's has ended the session.
func (l *link) summoned(err error) (end error, ok bool) {
	var unhandled liberrors.ErrClientUnhandledMethod
	if !errors.As(err, &unhandled) {
		return nil, false
	}
	if unhandled.Method == redirectMethod {
		return l.src.moved(l.url, l.soFar().location), true
	}
	return ErrEnded, true
}

// moved remembers where a camera that sends REDIRECT wants to be opened next.
func (s *Source) moved(from *base.URL, location string) error {
	to, err := s.redirect(from, location)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRedirected, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = to
	return ErrRedirected
}

// target is the URL to open: once, where the camera has sent us.
func (s *Source) target() *base.URL {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.url
	if s.next != nil {
		u, s.next = s.next, nil
	}
	return u
}
