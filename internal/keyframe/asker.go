package keyframe

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Asker asks one camera for key frames. What it learns stays from session to
// session.
type Asker struct {
	log  *slog.Logger
	wake chan struct{} // capacity 1: the chooser was told something

	mu      sync.Mutex
	chooser *Chooser
	gone    context.CancelFunc // ends the way that is being asked; nil: none is
	told    Way                // the way that the log speaks of
}

// New takes the ways that the camera has; fixed says that a person has chosen them.
func New(ways []Way, fixed bool, log *slog.Logger) *Asker {
	return &Asker{log: log, wake: make(chan struct{}, 1), chooser: NewChooser(ways, fixed)}
}

// Want asks for a key frame soon, and returns at once.
func (a *Asker) Want() {
	a.tell(func(c *Chooser) { c.Want(time.Now()) })
}

// Arrived tells of a key frame, which began to arrive at that time. It is quick
// enough for the way of a packet.
func (a *Asker) Arrived(at time.Time) {
	a.tell(func(c *Chooser) { c.Arrived(at) })
}

// Status may be asked for at any time.
func (a *Asker) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.chooser.Status(time.Now())
}

func (a *Asker) tell(what func(*Chooser)) {
	a.mu.Lock()
	what(a.chooser)
	if a.chooser.answered() && a.gone != nil {
		a.gone() // a second session need not stay for longer
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run asks during one session with the camera, until ctx ends, and returns when
// nothing is being asked any more. One Run at a time.
func (a *Asker) Run(ctx context.Context, ways map[Way]Ask) {
	a.mu.Lock()
	a.chooser.Begin(time.Now())
	a.mu.Unlock()
	var asking sync.WaitGroup
	defer asking.Wait()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.chooser.End()
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		a.mu.Lock()
		way, look := a.chooser.Next(time.Now())
		if way != "" {
			askCtx, done := context.WithCancel(ctx)
			a.gone = done
			asking.Go(func() { a.ask(askCtx, way, ways[way]) })
		}
		a.mu.Unlock()
		a.report()
		timer.Stop()
		if !look.IsZero() {
			timer.Reset(time.Until(look))
		}
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		}
	}
}

// ask asks in one way, and tells the chooser how that went.
func (a *Asker) ask(ctx context.Context, way Way, ask Ask) {
	err := ErrUnsupported
	if ask != nil {
		err = ask(ctx, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.chooser.Sent(time.Now())
		})
	}
	a.mu.Lock()
	if a.gone != nil {
		if ctx.Err() != nil {
			err = nil // the key frame has come, or nobody wants one any more
		}
		a.gone()
		a.gone = nil
	}
	a.chooser.Done(time.Now(), err)
	a.mu.Unlock()
	switch {
	case errors.Is(err, ErrRefused): // at most once for each way
		a.log.Warn("the camera refuses its account for key frame requests", "way", string(way), "err", err)
	case err != nil:
		a.log.Debug("key frame request", "way", string(way), "err", err)
	}
	a.tell(func(*Chooser) {})
}

// report logs the way that has been found, once.
func (a *Asker) report() {
	s := a.Status()
	a.mu.Lock()
	news := s.Way != "" && s.Way != a.told
	if news {
		a.told = s.Way
	}
	a.mu.Unlock()
	if news {
		a.log.Info("key frames on demand", "way", string(s.Way), "delay", s.Delay.Round(time.Millisecond))
	}
}

// Ways returns those of a way's name in the site's file, and whether a person has
// chosen. Auto is all that the camera may know.
func Ways(name string, camera Camera) (ways []Way, fixed bool) {
	switch name {
	case "off":
		return nil, true
	case "rtcp":
		return []Way{PLI, FIR}, true
	case "auto":
		return slices.DeleteFunc(slices.Clone(order), func(w Way) bool { return !camera.may(w) }), false
	}
	return []Way{Way(name)}, true
}
