package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/presence"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/repack"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
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
	publishers []*publisher.Publisher
	livekit    *ingress.Client
	stray      func(context.Context) // looks for ingresses that no camera owns any more; may be nil
	rooms      *presence.Rooms       // nil without LiveKit
}

// New makes the publishers of a checked Config. It does no I/O.
func New(cfg *Config, userAgent string, log *slog.Logger) (*Site, error) {
	s := &Site{}
	cameras := cfg.EnabledCameras()
	for _, c := range cameras {
		if !c.NeedsKeys() || s.livekit != nil {
			continue
		}
		lk, err := LiveKitClient(cfg.LiveKit, log)
		if err != nil {
			return nil, err
		}
		s.livekit = lk
		if s.rooms, err = newRooms(lk, log); err != nil {
			return nil, err
		}
	}
	if needsLiveKit(cameras) {
		warnPlain(log, cfg.LiveKit.URL)
	}
	if s.livekit != nil && len(IngressSpecs(cfg)) > 0 {
		s.stray = func(ctx context.Context) { tellStray(ctx, s.livekit, cfg, log) }
	}
	media := mediaConfig(cfg.Network)
	media.UserAgent = userAgent
	var errs []error
	for _, c := range cameras {
		p, err := newPublisher(c, cfg, s.livekit, s.rooms, media, userAgent, log)
		if err != nil {
			errs = append(errs, fmt.Errorf("camera %s: %w", c.Name, err))
			continue
		}
		s.publishers = append(s.publishers, p)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// warnPlain says when a token would travel in the clear (RFC 9725 section 5 wants
// https), but for servers on this machine.
func warnPlain(log *slog.Logger, raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "https" || u.Scheme == "wss" {
		return
	}
	if loopbackHost(u.Hostname()) {
		return
	}
	log.Warn("tokens travel in the clear", "server", u.Host, "hint", "use https or wss")
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func newPublisher(c Camera, cfg *Config, lk *ingress.Client, rooms *presence.Rooms, media whip.Config, userAgent string, log *slog.Logger) (*publisher.Publisher, error) {
	clog := log.With("camera", c.Name)
	src, err := newCamera(c, userAgent, clog)
	if err != nil {
		return nil, err
	}
	sub, err := newSub(c, userAgent, clog)
	if err != nil {
		return nil, fmt.Errorf("sub_url: %w", err)
	}
	if c.Via == ViaWHIP {
		warnPlain(clog, c.WHIP.URL)
	}
	dst, err := newTarget(c, cfg, lk, media, clog)
	if err != nil {
		return nil, err
	}
	pc := publisher.Config{
		Name: c.Name, Source: src, Sub: sub, Target: dst,
		Codec: c.videoCodec(), Audio: c.Audio != AudioOff, Hold: atOnce(c.Hold), DropBFrames: c.BFrames == BFramesDrop, Logger: log,
	}
	if c.SEI == SEIPass {
		pc.SEI = repack.SEIPass
	}
	if c.OnLoss == OnLossPass {
		pc.OnLoss = repack.PassDamaged
	}
	if c.NeedsKeys() {
		pc.OnDemand, pc.Cold, pc.Linger = c.Publish == PublishOnDemand, c.OnDemand == OnDemandCold, atOnce(c.Linger)
		pc.Room = newSeat(rooms, c, cfg.LiveKit)
	}
	return publisher.New(pc)
}

// atOnce is d where 0 means no time, and not the default.
func atOnce(d Duration) time.Duration { return max(d.Std(), 1) }

// Run publishes every camera until ctx ends, then ends all sessions, side by
// side, and returns.
func (s *Site) Run(ctx context.Context) {
	spread := min(startSpread*time.Duration(len(s.publishers)), startSpreadMax)
	var wg sync.WaitGroup
	if s.rooms != nil {
		wg.Go(func() { s.rooms.Run(ctx) })
	}
	for i, p := range s.publishers {
		wg.Go(func() {
			if i > 0 && !sleep(ctx, time.Duration(rand.Int64N(int64(spread)))) {
				return
			}
			p.Run(ctx)
		})
	}
	if s.stray != nil {
		wg.Go(func() { s.stray(ctx) })
	}
	wg.Wait()
	if s.livekit != nil {
		s.livekit.CloseIdleConnections()
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

// Cameras returns a snapshot of every enabled camera, in the file's order.
func (s *Site) Cameras() []publisher.Status {
	out := make([]publisher.Status, len(s.publishers))
	for i, p := range s.publishers {
		out[i] = p.Status()
	}
	return out
}
