package whip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// restartPause is between two attempts at a restart.
	restartPause = 500 * time.Millisecond
	// pairTimeout is how long one restart may take to find a path.
	pairTimeout = 4 * time.Second
	// addressTicks is between two looks at this machine's addresses, in intervals of
	// sender reports: both wake up together.
	addressTicks = 2
	// addressAge is how old what the system says of them may be.
	addressAge = time.Second
)

// recover brings media back over a new path in the same WHIP session (RFC 9725
// section 4.3.3). It is called once the old path is lost: a restart makes the ICE agent
// forget it. An error means that the session is to be ended.
func (s *Session) recover(why string) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.client.cfg.Timeouts.Restart)
	defer cancel()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-s.states.lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	began := time.Now()
	s.log.Info("whip session lost its path, restarting ICE", "reason", why)
	if err := s.restartICE(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	s.restarts.Add(1)
	for _, t := range s.tracks {
		t.breaker.reset() // what was said of the old path
	}
	s.log.Info("whip session has a path again", "took", took.Round(time.Millisecond), "path", s.peer.pair().text)
	for _, t := range s.tracks {
		if t.kind == Video {
			s.keyFrameWanted(t) // what was sent meanwhile is lost
		}
	}
	return nil
}

// restartICE restarts ICE until there is a path, the server refuses, or ctx ends.
func (s *Session) restartICE(ctx context.Context) error {
	// Connections from before may be bound to an address that is gone.
	s.client.http.CloseIdleConnections()
	for {
		err := s.offerRestart(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, errNoRestart) || slowly(err) {
			return fmt.Errorf("ICE restart: %w", err)
		}
		pause := time.NewTimer(restartPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("ICE restart: %w", err)
		}
	}
}

func slowly(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Slow()
}

// offerRestart makes one attempt. An offer that the server has not answered is
// made again as it was.
func (s *Session) offerRestart(ctx context.Context) error {
	if !s.restarting {
		if err := s.gatherRestart(ctx); err != nil {
			return err
		}
	}
	local, err := s.description()
	if err != nil {
		return err
	}
	if len(candidates(local)) == 0 {
		return errors.New("no ICE candidates were found")
	}
	reply, err := s.patchRestart(ctx, local)
	if err != nil {
		return err
	}
	answer := withFragment(s.answer, reply)
	if err := s.take(answer); err != nil {
		return fmt.Errorf("the reply cannot be used: %w", err)
	}
	s.restarting = false
	// A reply that does not fit what the server goes on with never leads to a path;
	// another restart may (RFC 9725 section 4.3.3).
	ctx, cancel := context.WithTimeout(ctx, pairTimeout)
	defer cancel()
	return s.awaitPair(ctx)
}

// gatherRestart makes new credentials and waits for candidates.
func (s *Session) gatherRestart(ctx context.Context) error {
	complete, err := s.peer.restart()
	if err != nil {
		return err
	}
	s.restarting = true
	s.sdpVersion++
	timeout := time.NewTimer(s.client.cfg.Timeouts.Gather)
	defer timeout.Stop()
	select {
	case <-complete:
	case <-timeout.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// awaitPair waits until ICE has chosen a path.
func (s *Session) awaitPair(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !s.peer.hasPair() {
		select {
		case <-tick.C:
		case <-s.states.lost:
			return s.states.reason(s)
		case <-ctx.Done():
			return errors.New("no connection on the new path")
		}
	}
	return nil
}

// mayRestart tells whether a lost path is worth an attempt.
func (s *Session) mayRestart() bool {
	return !s.client.cfg.NoRestart && s.url != nil && !s.client.abilities.of(s.url.Host).noRestart
}

// addressGone tells whether the media's own address is no longer one of this
// machine's. The packets may still get out, by another address, but the server
// would go on sending to the old one, and give the session up later.
func (s *Session) addressGone() bool {
	local := s.peer.pair().local
	if !local.IsValid() {
		return false
	}
	have := network{interfaces: s.client.cfg.Interfaces, loopback: s.client.cfg.Loopback}.addresses(addressAge)
	if f := s.client.cfg.addresses; f != nil {
		have = f(have)
	}
	return len(have) > 0 && !slices.Contains(have, local)
}
