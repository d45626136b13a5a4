package publisher

import (
	"context"
	"time"
)

// DefaultLinger is how long a camera that is published on demand stays in its room
// after the last viewer has left.
const DefaultLinger = 30 * time.Second

// blindAfter is how long a room may give no answer before a camera that waits for
// viewers says so: nobody would be seen coming.
const blindAfter = 30 * time.Second

// demand is whether somebody watches, as far as a room has told.
type demand struct {
	wanted bool
	// watched is when the newest question was sent whose answer showed a viewer.
	watched time.Time
	linger  time.Duration
}

// see takes a sighting into account. Only an answer without a viewer ends the
// demand, never the lack of one: a room that cannot be asked leaves all as it is.
func (d *demand) see(s Sighting) {
	switch {
	case s.Began.IsZero():
	case s.Viewers > 0:
		d.wanted, d.watched = true, s.Began
	case d.wanted && s.Began.Sub(d.watched) >= d.linger:
		d.wanted = false
	}
}

// runDemand keeps p.demand true to what the room shows, until ctx ends.
func (p *Publisher) runDemand(ctx context.Context) {
	if !p.cfg.OnDemand {
		return
	}
	d := demand{linger: p.cfg.Linger}
	started := time.Now()
	for {
		s, changed := p.cfg.Room.Look()
		was := d.wanted
		d.see(s)
		heard := s.Began // when something was last known
		if heard.IsZero() {
			heard = started
		}
		var blind *Fault
		if s.Err != nil && s.Failed.Sub(heard) >= blindAfter {
			f := faultOf(s.Err)
			f.Text = "nobody would be seen who wants to watch: " + f.Text
			blind = &f
		}
		if d.wanted != was || (blind != nil) != p.isBlind() {
			p.update(func() { p.wanted, p.blind = d.wanted, blind })
		}
		if d.wanted != was {
			p.log.Info("demand", "watched", d.wanted)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (p *Publisher) isBlind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.blind != nil
}

// awaitWanted returns true when the camera is wanted, false when ctx ends.
func (p *Publisher) awaitWanted(ctx context.Context) bool {
	for {
		changed := p.watch()
		if ctx.Err() != nil {
			return false
		}
		if p.isWanted() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

func (p *Publisher) isWanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted
}

// whileWanted is a context that ends with ctx or with the demand. The returned
// function ends it and waits.
func (p *Publisher) whileWanted(ctx context.Context) (context.Context, func()) {
	wctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			changed := p.watch()
			if !p.isWanted() {
				cancel()
			}
			select {
			case <-wctx.Done():
				return
			case <-changed:
			}
		}
	}()
	return wctx, func() { cancel(); <-done }
}
