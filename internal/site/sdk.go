package site

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/sdkroom"
)

// sdkTarget publishes one camera through LiveKit's SDK.
type sdkTarget struct {
	cfg    sdkroom.Config
	name   string               // for people
	tokens ingress.IssuedTokens // in place of cfg.Token; nil where the tokens are minted here
}

func newSDKTarget(c Camera, shared *common, log *slog.Logger) (*sdkTarget, error) {
	spec, lk := specOf(c, shared.lk), shared.livekit
	t := &sdkTarget{name: "LiveKit room " + c.Room + ", by its SDK", cfg: sdkroom.Config{
		URL:       shared.lk.URL,
		Token:     func(context.Context) (string, error) { return lk.RoomToken(spec, tokenLife) },
		RelayOnly: shared.media.RelayOnly,
		Logger:    log,
	}}
	if c.RoomToken != nil {
		t.name = "LiveKit server " + hostOf(shared.lk.URL) + ", by its SDK and room token"
		var err error
		if t.tokens, err = tokensOf(*c.RoomToken, shared.media.UserAgent); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// issue puts a token that others make into cfg.
func (t *sdkTarget) issue(ctx context.Context, cfg *sdkroom.Config) error {
	issued, err := t.tokens.Token(ctx)
	if err != nil {
		return err
	}
	cfg.URL = cmp.Or(issued.ServerURL, cfg.URL)
	cfg.Token = func(context.Context) (string, error) { return issued.Reveal(), nil }
	return nil
}

func (t *sdkTarget) String() string { return t.name }

func (t *sdkTarget) AudioCodecs(codec string) []string {
	switch codec {
	case publisher.CodecOpus, publisher.CodecPCMA, publisher.CodecPCMU:
		return []string{codec}
	}
	return nil
}

// Publish joins the room with these tracks.
func (t *sdkTarget) Publish(ctx context.Context, offers []publisher.Offer, onKeyFrame func()) (publisher.TargetSession, error) {
	cfg := t.cfg
	cfg.OnKeyFrameRequest = onKeyFrame
	if t.tokens != nil {
		if err := t.issue(ctx, &cfg); err != nil {
			return nil, err
		}
	}
	tracks := make([]sdkroom.Track, len(offers))
	for i, o := range offers {
		tracks[i] = sdkroom.Track{Codec: o.Codecs[0], ProfileLevelID: o.ProfileLevelID, Width: o.Width, Height: o.Height}
	}
	s, err := sdkroom.Publish(ctx, cfg, tracks)
	if err != nil {
		if t.tokens != nil {
			t.tokens.Forget() // perhaps LiveKit has refused it
		}
		return nil, err
	}
	return &sdkSession{s}, nil
}

// sdkSession is a participant as a publisher sees it.
type sdkSession struct{ *sdkroom.Session }

// Flush does nothing: each packet leaves at once.
func (s *sdkSession) Flush() {}

// ID is the participant's.
func (s *sdkSession) ID() publisher.SessionID { return publisher.SessionID{Participant: s.SID()} }

func (s *sdkSession) Stats() publisher.TargetStats {
	st := s.Session.Stats()
	out := publisher.TargetStats{
		RTT: st.RTT, Path: st.Path.Pair, PathType: st.Path.Type, PathProtocol: st.Path.Protocol,
		Searching: st.Searching, Restarts: st.Resumes, KeyFramesWant: st.KeyFramesAsked,
	}
	for i, t := range st.Tracks {
		out.Sent += t.PacketsSent
		out.Nacked += t.Nacked
		if i == 0 {
			out.FractionLost, out.Reported = t.FractionLost, t.LastReceiverReport
		}
	}
	return out
}
