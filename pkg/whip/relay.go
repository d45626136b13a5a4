package whip

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// way is how an attempt at a session goes about finding a path.
type way struct {
	servers []ICEServer // STUN and TURN
	full    bool        // all candidates go with the offer
}

// firstWay depends on what the endpoint's host is known to take.
func (c *Client) firstWay() way {
	return way{
		servers: c.cfg.ICEServers,
		full:    len(c.cfg.ICEServers) == 0 || c.cfg.NoTrickle || c.abilities.of(c.endpoint.Host).noTrickle,
	}
}

// nextWay is another way to try after this session has come to nothing, if it has
// taught one: the server takes no candidates later, or has named TURN servers and
// cannot restart ICE.
func (s *Session) nextWay(w way, err error) (way, bool) {
	if s.states.hadICE() || s.url == nil {
		return w, false
	}
	if !w.full && s.trickleRefused() {
		s.client.abilities.learn(s.client.endpoint.Host, func(a *ability) { a.noTrickle = true })
		return way{w.servers, true}, true
	}
	if s.recommended() && len(w.servers) == 0 && errors.Is(err, errNoRestart) {
		return way{s.iceServers, true}, true
	}
	return w, false
}

func (s *Session) trickleRefused() bool {
	select {
	case <-s.refused:
		return true
	default:
		return false
	}
}

// recommended tells whether the server named ICE servers that are to be used: the
// configuration's own take precedence (RFC 9725 section 4.6).
func (s *Session) recommended() bool {
	return len(s.iceServers) > 0 && len(s.client.cfg.ICEServers) == 0
}

// byRelay waits a while for a direct path and then goes by the servers that the
// 201 named, which it can do only by an ICE restart: they came after the offer.
func (s *Session) byRelay(ctx context.Context, w way) error {
	if s.client.cfg.RelayOnly && len(w.servers) == 0 && !s.recommended() {
		return &Error{Op: "ICE", URL: s.client.Endpoint(), slow: true,
			Err:  errors.New("relay only, but there is no TURN server, neither configured nor recommended by the server"),
			hint: "configure a TURN server or allow direct connections"}
	}
	if len(w.servers) > 0 || !s.recommended() {
		return nil
	}
	if !s.client.cfg.RelayOnly && s.awaitICE(ctx, s.client.cfg.Timeouts.Direct) {
		return nil
	}
	if ctx.Err() != nil {
		return nil // told by the caller's own wait
	}
	if !s.mayRestart() {
		return s.relayError(errNoRestart)
	}
	s.log.Info("whip: no direct path, using the ICE servers that the server recommends")
	if err := s.peer.setServers(s.iceServers); err != nil {
		return s.relayError(fmt.Errorf("the recommended ICE servers cannot be used: %w", err))
	}
	s.endTrickle()
	ctx, cancel := context.WithTimeout(ctx, s.client.cfg.Timeouts.Connect)
	defer cancel()
	if err := s.restartICE(ctx); err != nil {
		return s.relayError(err)
	}
	return nil
}

func (s *Session) relayError(err error) error {
	return &Error{Op: "ICE", URL: s.client.Endpoint(), Err: fmt.Errorf("no direct path, and none by the recommended servers: %w", err),
		hint: "open UDP to the server in the firewalls, or configure a TURN server"}
}

// awaitICE reports whether ICE finds a path in time.
func (s *Session) awaitICE(ctx context.Context, limit time.Duration) bool {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !s.states.hadICE() {
		select {
		case <-tick.C:
		case <-timeout.C:
			return s.states.hadICE()
		case <-s.states.lost:
			return true // told by the caller's own wait
		case <-ctx.Done():
			return false
		}
	}
	return true
}
