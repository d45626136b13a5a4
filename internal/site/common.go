package site

import (
	"context"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"

	"github.com/rtsp2whip/rtsp2whip/internal/presence"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// common is what cameras share for as long as the settings that concern all of
// them stay as they are.
type common struct {
	lk      LiveKit
	network Network
	media   whip.Config

	livekit *ingress.Client // nil if no camera needs API keys
	rooms   *presence.Rooms // nil without livekit

	users int           // slots that have not ended; guarded by the site's lock
	left  chan struct{} // closed when the last of them has, and no other may come
}

// commonFor returns what the cameras of cfg share: that of the present ones, if it
// serves. The site's lock is held.
func (s *Site) commonFor(cfg *Config) (*common, error) {
	cameras := cfg.EnabledCameras()
	keys := needsKeys(cameras)
	if c := s.common; c != nil && (c.livekit != nil || !keys) &&
		reflect.DeepEqual(c.lk, cfg.LiveKit) && reflect.DeepEqual(c.network, cfg.Network) {
		return c, nil
	}
	c := &common{lk: cfg.LiveKit, network: cfg.Network, media: mediaConfig(cfg.Network), left: make(chan struct{})}
	c.media.UserAgent = s.userAgent
	if keys {
		var err error
		if c.livekit, err = LiveKitClient(cfg.LiveKit, s.log); err != nil {
			return nil, err
		}
		if c.rooms, err = newRooms(c.livekit, s.log); err != nil {
			return nil, err
		}
	}
	if needsLiveKit(cameras) {
		warnPlain(s.log, cfg.LiveKit.URL)
	}
	return c, nil
}

// run looks into the rooms until ctx ends or no camera is left.
func (c *common) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	looking := make(chan struct{})
	go func() {
		defer close(looking)
		if c.rooms != nil {
			c.rooms.Run(ctx)
		}
	}()
	select {
	case <-ctx.Done():
	case <-c.left:
	}
	cancel()
	<-looking
	if c.livekit != nil {
		c.livekit.CloseIdleConnections()
	}
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
