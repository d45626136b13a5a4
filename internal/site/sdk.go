package site

import (
	"context"
	"log/slog"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/sdkroom"
)

// sdkTarget publishes one camera through LiveKit's SDK.
type sdkTarget struct {
	cfg  sdkroom.Config
	name string // for people
}

func newSDKTarget(c Camera, shared *common, log *slog.Logger) *sdkTarget {
	spec, lk := specOf(c, shared.lk), shared.livekit
	return &sdkTarget{name: "LiveKit room " + c.Room + ", by its SDK", cfg: sdkroom.Config{
		URL:       shared.lk.URL,
		Token:     func(context.Context) (string, error) { return lk.RoomToken(spec, tokenLife) },
		RelayOnly: shared.media.RelayOnly,
		Logger:    log,
	}}
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
	tracks := make([]sdkroom.Track, len(offers))
	for i, o := range offers {
		tracks[i] = sdkroom.Track{Codec: o.Codecs[0], ProfileLevelID: o.ProfileLevelID, Width: o.Width, Height: o.Height}
	}
	s, err := sdkroom.Publish(ctx, cfg, tracks)
	if err != nil {
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
