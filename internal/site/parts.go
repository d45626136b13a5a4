package site

import (
	"log/slog"

	"github.com/rtsp2whip/rtsp2whip/internal/keyframe"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// Parts are what a camera's publisher is made of, one by one, as its settings have
// them: for who wants to look at each of them alone.
type Parts struct {
	Source rtspsrc.Config
	Web    keyframe.Camera
	// Media is everything but endpoint and token of a WHIP session.
	Media   whip.Config
	LiveKit *ingress.Client      // nil if the camera needs no API key
	Tokens  ingress.IssuedTokens // nil unless others make the camera's tokens
	// ServerTLS says how the certificate of LiveKit is judged.
	ServerTLS whip.TLS
}

// PartsOf takes a camera of cfg apart. It does no I/O.
func PartsOf(cfg *Config, c Camera, userAgent string, log *slog.Logger) (Parts, error) {
	p := Parts{Media: mediaConfig(cfg.Network), ServerTLS: cfg.LiveKit.TLS.whip()}
	p.Media.UserAgent, p.Media.Pacing, p.Media.TLS = userAgent, c.Pacing.whip(), p.ServerTLS
	var err error
	if p.Source, err = sourceOf(c, userAgent); err != nil {
		return Parts{}, err
	}
	if p.Web, err = webOf(c); err != nil {
		return Parts{}, err
	}
	switch {
	case c.Via == ViaWHIP:
		p.Media.TLS = c.WHIP.TLS.whip()
	case c.RoomToken != nil:
		p.Tokens, err = tokensOf(*c.RoomToken, userAgent)
	default:
		p.LiveKit, err = LiveKitClient(cfg.LiveKit, log)
	}
	return p, err
}
