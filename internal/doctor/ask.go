package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/keyframe"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// often is the interval of key frames up to which asking is not worth a look.
const often = 2500 * time.Millisecond

// asker finds out how the camera is asked for a key frame, in every way but by a
// second session: it might cost the camera the first one.
type asker struct {
	*keyframe.Asker
	ways map[keyframe.Way]keyframe.Ask
	off  bool // the site's file wants none asked
}

func newAsker(cfg Config, log *slog.Logger) *asker {
	name := cfg.KeyFrame
	if name == "" {
		name = "auto"
	}
	ways, fixed := keyframe.Ways(name, cfg.Web)
	ways = slices.DeleteFunc(ways, func(w keyframe.Way) bool { return w == keyframe.Session })
	return &asker{Asker: keyframe.New(ways, fixed, log), ways: onceRefused(cfg.Web.Asks()), off: len(ways) == 0}
}

// onceRefused leaves the account alone once it was refused: cameras lock accounts.
func onceRefused(ways map[keyframe.Way]keyframe.Ask) map[keyframe.Way]keyframe.Ask {
	var refused atomic.Bool
	out := map[keyframe.Way]keyframe.Ask{}
	for w, ask := range ways {
		out[w] = func(ctx context.Context, sent func()) error {
			if refused.Load() {
				return keyframe.ErrUnsupported
			}
			err := ask(ctx, sent)
			if errors.Is(err, keyframe.ErrRefused) {
				refused.Store(true)
			}
			return err
		}
	}
	return out
}

// startAsking asks until the returned function is called, which waits for the end of
// it and returns what was found.
func (e *exam) startAsking(ctx context.Context, s *rtspsrc.Session, v *video) (stop func() keyframe.Status) {
	ctx, cancel := context.WithCancel(ctx)
	within := func(how rtspsrc.KeyFrameRequest) keyframe.Ask {
		return keyframe.AtOnce(func(ctx context.Context) error {
			err := s.RequestKeyFrameBy(ctx, how)
			var re *rtspsrc.Error
			if errors.As(err, &re) && re.Status >= 400 {
				return fmt.Errorf("%w: %w", keyframe.ErrUnsupported, err)
			}
			return err
		})
	}
	v.asker.ways[keyframe.PLI] = within(rtspsrc.PLI)
	v.asker.ways[keyframe.FIR] = within(rtspsrc.FIR)
	v.asker.ways[keyframe.Axis] = within(rtspsrc.RenewStream)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		v.asker.Run(ctx, v.asker.ways)
	}()
	v.asker.Want()
	return func() keyframe.Status {
		is := v.asker.Status() // the end of a run forgets what was under way
		cancel()
		<-ended
		return is
	}
}

// askKnown tells that there is no more to find out.
func (v *video) askKnown() bool {
	is := v.asker.Status()
	return v.asker.off || is.Way != "" || is.Problem != "" || is.GOP > 0 && is.GOP <= often
}

// asked is the result of asking.
func (v *video) asked(is keyframe.Status) Result {
	facts := Facts{"requests": is.Asks}
	switch {
	case is.Way != "":
		facts["way"], facts["delay_ms"] = string(is.Way), millis(is.Delay)
		return good(is.Delay, fmt.Sprintf("by %s: the key frame comes at once", is.Way), facts)
	case v.asker.off:
		return good(0, "switched off", facts)
	case is.GOP > 0 && is.GOP <= often:
		return good(0, "not needed: they come often enough by themselves", facts)
	case is.Problem != "":
		what, remedy := split(is.Problem)
		return good(0, what, facts).but(remedy)
	}
	return good(0, fmt.Sprintf("none came for the asking in this time (%d requests)", is.Asks), facts).but(
		"set the camera's key frame interval (GOP) to 1 to 2 seconds")
}
