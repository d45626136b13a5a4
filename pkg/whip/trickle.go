package whip

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// hostCandidates is how long the offer waits for this machine's own addresses,
// which take a millisecond or two, when others may follow in a PATCH.
const hostCandidates = 50 * time.Millisecond

// startTrickle sends the candidates that are found after the offer, all in one
// PATCH (RFC 9725 section 4.3.2). It is called with the answer there, so that none
// is sent before the server has named the session.
func (s *Session) startTrickle(ctx context.Context, gathered <-chan struct{}) {
	if gathered == nil {
		return
	}
	ctx, s.stopTrickle = context.WithCancel(context.WithoutCancel(ctx))
	s.trickleDone = make(chan struct{})
	go func() {
		defer close(s.trickleDone)
		s.trickle(ctx, gathered)
	}()
}

// endTrickle waits for the PATCH, so that it never crosses one of a restart.
func (s *Session) endTrickle() {
	if s.stopTrickle != nil {
		s.stopTrickle()
		<-s.trickleDone
	}
}

func (s *Session) trickle(ctx context.Context, gathered <-chan struct{}) {
	timeout := time.NewTimer(s.client.cfg.Timeouts.Gather)
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-timeout.C:
		s.log.Info("whip: gathering of ICE candidates took too long, going on with those found")
	case <-ctx.Done():
		return
	}
	local, err := s.description()
	if err != nil {
		return // the session has ended
	}
	body := fragmentOf(local)
	if !strings.Contains(body, "a=end-of-candidates") {
		body += "a=end-of-candidates\r\n" // what comes later is not sent
	}
	res, err := s.patch(ctx, message{body: body, ifMatch: s.entityTag()})
	switch {
	case err != nil:
		if ctx.Err() == nil {
			s.log.Info("whip: further ICE candidates not sent", "error", err)
		}
	case res.status >= 200 && res.status <= 299:
	default:
		// The session may well live without them, so this is no reason to end it.
		if refusedForGood(res.status) {
			s.client.abilities.learn(s.url.Host, func(a *ability) { a.noTrickle = true })
			close(s.refused)
		}
		s.log.Info("whip: the server does not take further ICE candidates", "status", res.status)
	}
}

// learnFromAnswer notes what the server says about itself in its 201: a list of
// patch formats (RFC 5789 section 3.1) without ours means no PATCH.
func (s *Session) learnFromAnswer(h http.Header) {
	formats := h.Values("Accept-Patch")
	if len(formats) == 0 || s.url == nil {
		return
	}
	if !strings.Contains(strings.ToLower(strings.Join(formats, ",")), fragmentType) {
		s.client.abilities.learn(s.url.Host, func(a *ability) { a.noTrickle, a.noRestart = true, true })
	}
}
