package site

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/repack"
)

// startSpread is the time over which the cameras of a site begin, for each of
// them, and startSpreadMax the longest for all: a hundred connections in the
// same millisecond overrun small switches, NVRs and the box itself.
const (
	startSpread    = 20 * time.Millisecond
	startSpreadMax = 2 * time.Second
)

// Site is a running site: one publisher for each enabled camera.
type Site struct {
	userAgent string
	log       *slog.Logger
	changed   chan struct{} // capacity 1: there is something in fresh, or a new common
	outages   publisher.Outages
	news      chan struct{} // capacity 1: see News

	mu     sync.Mutex
	common *common
	slots  []*slot               // in the file's order
	fresh  []*slot               // of these, not begun yet
	stray  func(context.Context) // looks for ingresses that no camera owns any more; nil once it was begun
}

// New makes the publishers of a checked Config. It does no I/O.
func New(cfg *Config, userAgent string, log *slog.Logger) (*Site, error) {
	s := &Site{userAgent: userAgent, log: log, changed: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	if _, err := s.Apply(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// newPublisher makes a camera's publisher, and what is to be called once it has
// ended, nil if nothing is.
func (s *Site) newPublisher(c Camera, shared *common) (p *publisher.Publisher, leave func(), err error) {
	userAgent, log := s.userAgent, s.log
	clog := log.With("camera", c.Name)
	src, err := newCamera(c, userAgent, clog)
	if err != nil {
		return nil, nil, err
	}
	sub, err := newSub(c, userAgent, clog)
	if err != nil {
		return nil, nil, fmt.Errorf("sub_url: %w", err)
	}
	if c.Via == ViaWHIP {
		warnPlain(clog, c.WHIP.URL)
	}
	var dst publisher.Target
	if c.Via == ViaSDK {
		dst, err = newSDKTarget(c, shared, clog)
	} else {
		dst, err = newTarget(c, shared.lk, shared.livekit, shared.media, clog)
	}
	if err != nil {
		return nil, nil, err
	}
	pc := publisher.Config{
		Name: c.Name, Source: src, Sub: sub, Target: dst,
		Codec: c.videoCodec(), Audio: c.Audio != AudioOff, Hold: atOnce(c.Hold), DropBFrames: c.BFrames == BFramesDrop, Logger: log,
		Outages: &s.outages, Changed: s.tell,
	}
	if c.SEI == SEIPass {
		pc.SEI = repack.SEIPass
	}
	if c.OnLoss == OnLossPass {
		pc.OnLoss = repack.PassDamaged
	}
	if c.NeedsKeys() {
		pc.OnDemand, pc.Cold, pc.Linger = c.Publish == PublishOnDemand, c.OnDemand == OnDemandCold, atOnce(c.Linger)
		seat := newSeat(shared.rooms, c, shared.lk)
		pc.Room, leave = seat, seat.leave
	}
	p, err = publisher.New(pc)
	return p, leave, err
}

// atOnce is d where 0 means no time, and not the default.
func atOnce(d Duration) time.Duration { return max(d.Std(), 1) }

// Run publishes every camera until ctx ends, then ends all sessions, side by
// side, and returns.
func (s *Site) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	var running *common
	for {
		s.mu.Lock()
		shared, fresh, stray := s.common, s.fresh, s.stray
		s.fresh, s.stray = nil, nil
		s.mu.Unlock()
		if shared != running {
			running = shared
			wg.Go(func() { shared.run(ctx) })
		}
		for _, sl := range fresh {
			wg.Go(func() {
				sl.run(ctx)
				s.ended(sl)
			})
		}
		if stray != nil {
			wg.Go(func() { stray(ctx) })
		}
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// News returns a channel that receives when the state of a camera, or its reason, may
// have changed since the last time, or the cameras have. It is for one reader.
func (s *Site) News() <-chan struct{} { return s.news }

func (s *Site) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Cameras returns a snapshot of every enabled camera, in the file's order.
func (s *Site) Cameras() []publisher.Status {
	s.mu.Lock()
	slots := s.slots
	s.mu.Unlock()
	out := make([]publisher.Status, len(slots))
	for i, sl := range slots {
		out[i] = sl.publisher.Status()
	}
	return out
}
