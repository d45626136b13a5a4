package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// runTarget makes a session whenever the camera flows, and keeps it.
func (p *Publisher) runTarget(ctx context.Context) {
	defer p.closing.Wait()
	pace := p.targetPace
	defer pace.leave()
	for {
		feeds := p.awaitCamera(ctx)
		if feeds == nil || !p.awaitVacancy(ctx) {
			return
		}
		if !p.ready(feeds) {
			continue // the camera went, or was left alone, while we looked
		}
		stable, err := p.targetSession(ctx, feeds)
		if ctx.Err() != nil {
			return
		}
		if stable {
			pace.reset()
		}
		if err == nil {
			continue // ended for a reason of ours: begin again as the camera is now
		}
		f := faultOf(err)
		wait := pace.next(f)
		p.report("target", f, wait)
		p.update(func() {
			p.target = side{phase: phaseWaiting, fault: &f}
			p.status.TargetFailures++
			p.status.Tried = true
		})
		if !pace.sleep(ctx, wait) {
			return
		}
	}
}

// awaitCamera returns the feeds once the camera flows and is wanted, or nil when
// ctx ends.
func (p *Publisher) awaitCamera(ctx context.Context) []*feed {
	for {
		changed := p.watch()
		p.mu.Lock()
		up, feeds, wanted := p.camera.phase == phaseUp, p.feeds, p.wanted
		rests, blind := p.target.phase == phaseResting, p.blind
		told := rests && p.target.fault == blind
		p.mu.Unlock()
		switch {
		case !wanted && !told:
			p.update(func() { p.target = side{phase: phaseResting, fault: blind} })
			continue
		case wanted && rests:
			p.update(func() { p.target = side{phase: phaseWaiting} })
			continue
		case wanted && up:
			return feeds
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// ready tells whether these feeds may still be published.
func (p *Publisher) ready(feeds []*feed) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted && p.camera.phase == phaseUp && slices.Equal(p.feeds, feeds)
}

// targetSession makes one session and stays with it to its end. A nil error
// means that we ended it: the camera was away for too long, or came back with
// other tracks.
func (p *Publisher) targetSession(ctx context.Context, feeds []*feed) (stable bool, err error) {
	defer guard(&err)
	offers := make([]Offer, len(feeds))
	for i, f := range feeds {
		offers[i] = f.offer(p.cfg.Target.AudioCodecs(f.track.Codec))
	}
	p.update(func() { p.target.phase = phaseWorking })

	pctx, cancel := context.WithTimeout(ctx, publishTimeout)
	session, err := p.cfg.Target.Publish(pctx, offers, p.keyFrameAsked)
	cancel()
	if err != nil {
		return false, err
	}
	p.connect(session, feeds)
	reason, err := p.keep(ctx, session, feeds, offers)
	p.disconnect(session, feeds, err)
	if err == nil && reason != "" {
		p.log.Info("session ended", "reason", reason)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.proven.IsZero() && time.Since(p.proven) >= stableAfter, err
}

// connect lets the packets into the session, and asks for a key frame at once
// and again a second later: a terminating LiveKit Ingress loses the first one
// while it binds its own tracks.
func (p *Publisher) connect(session TargetSession, feeds []*feed) {
	p.targetPace.back()
	p.flusher.Store(&flusher{session})
	for i, f := range feeds {
		codec := session.Codec(i)
		f.out.Store(&outlet{session: session, track: i,
			convert: f.track.Codec == CodecPCMU && codec == CodecPCMA})
	}
	p.update(func() {
		p.target = side{phase: phaseUp}
		p.doubt, p.proven = &doubt{state: Publishing}, time.Time{}
		p.session = session
		p.status.TargetSessions++
		p.status.SessionSince = time.Now()
	})
	p.log.Info("connected", "target", p.cfg.Target.String(), "path", session.Stats().Path)
	p.wantKeyFrame()
}

// disconnect takes the packets out of the session and ends it at the far end,
// also when the publisher itself is ending. For a session that was lost it does
// not wait: the far end may be gone, and its silence must not delay the next.
func (p *Publisher) disconnect(session TargetSession, feeds []*feed, lost error) {
	for _, f := range feeds {
		f.out.Store(nil)
	}
	p.flusher.Store(nil)
	last := session.Stats()
	p.update(func() {
		p.target.phase = phaseWaiting
		if lost != nil {
			f := faultOf(lost)
			p.target.fault = &f
			if asError(lost, new(*uselessError)) {
				p.rebuilds++
			}
		}
		p.session = nil
		p.status.SessionSince = time.Time{}
		p.status.Path = ""
		p.sample.ended(last)
	})
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := session.Close(ctx); err != nil {
			p.log.Debug("close session", "err", err)
		}
	}
	if lost == nil {
		end()
		return
	}
	p.closing.Go(end)
}

// keep stays with a connected session until it is lost (an error), or until
// there is a reason of ours to end it.
func (p *Publisher) keep(ctx context.Context, session TargetSession, feeds []*feed, offers []Offer) (string, error) {
	second := time.AfterFunc(time.Second, p.wantKeyFrame)
	defer second.Stop()
	pctx, cancel := context.WithCancel(ctx)
	verdict := make(chan error, 1)
	go func() { verdict <- p.prove(pctx, session, feeds, time.Now()); close(verdict) }()
	defer func() {
		cancel()
		for range verdict { // until it has ended
		}
	}()
	for {
		changed := p.watch()
		p.mu.Lock()
		away, cam, now, wanted := p.away, p.camera, p.feeds, p.wanted
		p.mu.Unlock()

		if cam.barred {
			return cam.fault.Text, nil
		}
		if !wanted {
			return "nobody watches", nil
		}
		if cam.phase == phaseUp {
			if reason := differs(feeds, now, offers); reason != "" {
				return reason, nil
			}
		}
		var hold <-chan time.Time
		var timer *time.Timer
		if !away.IsZero() {
			timer = time.NewTimer(time.Until(away.Add(p.cfg.Hold)))
			hold = timer.C
		}
		done, reason, err := false, "", error(nil)
		select {
		case <-ctx.Done():
			done = true
		case <-session.Done():
			done, err = true, sessionError(session)
		case err = <-verdict:
			done = true
		case <-hold:
			done, reason = true, fmt.Sprintf("the camera has been away for %s (hold)", p.cfg.Hold)
		case <-changed:
		}
		if timer != nil {
			timer.Stop()
		}
		if done {
			return reason, err
		}
	}
}

// differs says why the session no longer fits what the camera sends. The
// codecs of a WHIP session cannot be changed (RFC 9725, section 3).
func differs(session, camera []*feed, offers []Offer) string {
	if !slices.Equal(session, camera) {
		return "the camera came back with other tracks"
	}
	was, is := offers[0].ProfileLevelID, camera[0].video.Stats().ProfileLevelID
	if len(was) == 6 && len(is) == 6 && was[:2] != is[:2] {
		return fmt.Sprintf("the camera changed its %s profile from %s to %s", dotted(camera[0].track.Codec), was, is)
	}
	return ""
}

func sessionError(s TargetSession) error {
	if err := s.Err(); err != nil {
		return err
	}
	return errors.New("the far end ended the session")
}

func asError(err error, target any) bool { return errors.As(err, target) }
