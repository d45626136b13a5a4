package site

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

// companion is a function that runs beside a session. A nil one is none.
type companion struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs f until it returns or is stopped; a nil f gives a nil companion.
func start(f func(context.Context)) *companion {
	if f == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &companion{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		f(ctx)
	}()
	return c
}

// stop ends the function and waits for it. It may be called more than once.
func (c *companion) stop() {
	if c != nil {
		c.cancel()
		<-c.done
	}
}

const (
	// describeEvery is how often LiveKit is asked whether the participant is there
	// yet: a terminating Ingress lets it join when the first key frame has come.
	describeEvery = time.Second
	// describeFor is when asking ends; LiveKit's own limit for joining is 60 s.
	describeFor = 2 * time.Minute
)

// describe returns what gives a camera's participant its attributes: an ingress
// has none, so they are set once the participant is in the room. It is nil for a
// camera without attributes.
func describe(lk *ingress.Client, spec ingress.Spec, log *slog.Logger) func(context.Context) {
	if len(spec.Attributes) == 0 {
		return nil
	}
	return func(ctx context.Context) {
		within, cancel := context.WithTimeout(ctx, describeFor)
		defer cancel()
		for {
			err := lk.SetAttributes(within, spec.Room, spec.Identity, spec.Attributes)
			var e *ingress.Error
			switch {
			case err == nil:
				log.Debug("attributes set", "attributes", len(spec.Attributes))
				return
			case ctx.Err() != nil:
				return
			case within.Err() != nil || errors.As(err, &e) && e.Slow():
				hint := ""
				if e != nil {
					hint = e.Hint()
				}
				log.Warn("the participant goes without its attributes", "err", err, "hint", hint)
				return
			}
			if !sleep(within, describeEvery) && ctx.Err() != nil {
				return
			}
		}
	}
}
