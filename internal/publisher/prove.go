package publisher

import (
	"context"
	"time"
)

// prove keeps the camera's state true to the evidence while a session lives. It
// returns nil when ctx ends, or why the session is to be ended.
func (p *Publisher) prove(ctx context.Context, session TargetSession, feeds []*feed, connected time.Time) error {
	w := &witness{}
	room := p.cfg.Room
	timer := time.NewTimer(proofSoon)
	defer timer.Stop()
	for {
		p.identify(session, w)
		e, changed := p.evidence(session, feeds, connected)
		p.learn(e, w)
		d, err := w.judge(e)
		p.doubted(d, w)
		if err != nil {
			return err
		}
		every := together(e.now, proofEvery)
		if d != nil {
			if e.now.Sub(connected) < quietUntil {
				every = proofSoon
			}
			if room != nil && d.state == Publishing && e.now.Sub(connected) < hurryFor {
				room.Refresh()
			}
		}
		timer.Reset(every)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-changed:
		}
	}
}

// evidence gathers what is known now.
func (p *Publisher) evidence(session TargetSession, feeds []*feed, connected time.Time) (evidence, <-chan struct{}) {
	stats := session.Stats()
	e := evidence{now: time.Now(), connected: connected, reports: stats.Reported, searching: stats.Searching}
	var changed <-chan struct{}
	if room := p.cfg.Room; room != nil {
		var s Sighting
		s, changed = room.Look()
		e.room, e.place = &s, room.String()
	}
	e.in = unixNano(feeds[0].lastIn.Load())
	e.out = unixNano(p.sent.last.Load())
	for _, f := range feeds {
		e.audio = e.audio || f.track.Kind == Audio
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e.flows = p.camera.phase == phaseUp
	e.rebuilds = p.rebuilds
	if fps := p.sample.fps; fps > 0 {
		e.interval = time.Duration(float64(time.Second) / fps)
	}
	e.own = append(owned(nil), p.own...)
	return e, changed
}

// identify remembers the session's ID, also when it has become another one.
func (p *Publisher) identify(session TargetSession, w *witness) {
	s, ok := session.(Identified)
	if !ok {
		return
	}
	if id := s.ID(); id != w.id {
		w.id = id
		p.mu.Lock()
		p.own.add(id)
		p.mu.Unlock()
	}
}

func unixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// learnAfter is how long a session must have lived on after the room had shown a
// participant before that one counts as its own, where nothing else tells: a session
// that another publisher has ended is found lost before that.
const learnAfter = 20 * time.Second

// learn finds out as which participant a proxying Ingress has entered the room:
// it alone gives the WHIP session a name that the participant does not bear.
func (p *Publisher) learn(e evidence, w *witness) {
	s := e.room
	if s == nil || !s.Present || !s.Active || !s.answered(e.connected) || s.ID.Participant == "" ||
		w.id == (SessionID{}) || e.own.newest().compare(s.ID) != unknown {
		return
	}
	switch {
	case w.learning != s.ID.Participant:
		w.learning, w.learned = s.ID.Participant, e.now
	case e.now.Sub(w.learned) >= learnAfter:
		p.mu.Lock()
		p.own.add(SessionID{Participant: w.learning, Resource: w.id.Resource})
		p.mu.Unlock()
	}
}

// doubted makes what was judged the camera's state.
func (p *Publisher) doubted(d *doubt, w *witness) {
	p.mu.Lock()
	was := p.doubt
	unchanged := p.proven == w.proven && (d == was || d != nil && was != nil && *d == *was)
	p.mu.Unlock()
	if unchanged {
		return
	}
	p.update(func() {
		p.doubt, p.proven = d, w.proven
		if !w.proven.IsZero() {
			p.rebuilds = 0
		}
	})
	switch {
	case d == nil:
		p.recovered("target")
	case d.fault.Text != "" && (was == nil || was.fault.Text == ""):
		p.log.Warn("not live", "reason", d.fault.Text)
	}
}
