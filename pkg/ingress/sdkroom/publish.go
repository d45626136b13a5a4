package sdkroom

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// quiet silences the SDK's own log, once: it is chatty, knows no levels of importance,
// and holds addresses and descriptions of sessions.
var quiet = sync.OnceFunc(func() { lksdk.SetLogger(logger.GetDiscardLogger()) })

// joinLimit bounds one attempt of the SDK's to join; Publish's context may be shorter.
const joinLimit = 15 * time.Second

// Publish joins the room and publishes the tracks. It returns when media flows, or when
// ctx ends; after that ctx means nothing to the session. Its errors are of type *Error,
// and leave nobody behind in the room.
func Publish(ctx context.Context, cfg Config, tracks []Track) (*Session, error) {
	quiet()
	if err := cfg.check(tracks); err != nil {
		return nil, &Error{Op: "config", Err: err, slow: true}
	}
	token, err := cfg.Token(ctx)
	if err != nil {
		return nil, &Error{Op: "token", Err: err}
	}
	s := &Session{cfg: cfg, done: make(chan struct{}), finished: make(chan struct{})}
	s.feedback = &feedback{session: s, counts: make(map[uint32]*trackFeedback)}
	codecs, err := s.plan(tracks)
	if err != nil {
		return nil, &Error{Op: "config", Err: err, slow: true}
	}
	s.room = lksdk.NewRoom(s.callbacks())
	if err := s.join(ctx, token, codecs); err != nil {
		return nil, s.failed(joinError(cfg.URL, token, err))
	}
	for i, t := range s.tracks {
		if err := s.publish(t, tracks[i]); err != nil {
			return nil, s.failed(&Error{Op: "publish", URL: printable(cfg.URL), Err: err})
		}
	}
	if err := s.connected(ctx); err != nil {
		return nil, s.failed(&Error{
			Op: "ICE", URL: printable(cfg.URL), Err: err,
			hint: "LiveKit answers, but no media path to it was found: open its UDP ports, or TURN and port 443, in the firewall",
		})
	}
	return s, nil
}

// plan makes the tracks, and the codecs of the offer: those of the tracks alone.
func (s *Session) plan(tracks []Track) ([]webrtc.RTPCodecCapability, error) {
	var codecs []webrtc.RTPCodecCapability
	for _, t := range tracks {
		c, err := t.offered()
		if err != nil {
			return nil, err
		}
		codecs = append(codecs, c)
		out := &outTrack{id: "audio", kind: webrtc.RTPCodecTypeAudio, codec: c}
		if t.video() {
			out.id, out.kind = "video", webrtc.RTPCodecTypeVideo
		}
		s.tracks = append(s.tracks, out)
	}
	return codecs, nil
}

func (s *Session) callbacks() *lksdk.RoomCallback {
	cb := lksdk.NewRoomCallback()
	cb.OnDisconnectedWithReason = s.disconnected
	cb.OnReconnecting = s.reconnecting
	cb.OnReconnected = s.reconnected
	return cb
}

// join enters the room. The SDK keeps its context for reconnecting, so that it gets one
// that lives as long as the session.
func (s *Session) join(ctx context.Context, token string, codecs []webrtc.RTPCodecCapability) error {
	jctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	go func() { <-s.done; cancel() }()
	offer := make([]livekit.Codec, len(codecs))
	for i, c := range codecs {
		offer[i].Mime, offer[i].FmtpLine = c.MimeType, c.SDPFmtpLine
	}
	options := []lksdk.ConnectOption{
		lksdk.WithAutoSubscribe(false),
		lksdk.WithConnectTimeout(joinLimit),
		lksdk.WithCodecs(offer),
		lksdk.WithInterceptors([]interceptor.Factory{s.feedback}),
		lksdk.WithIncludeDefaultInterceptors(true),
		lksdk.WithLogger(logger.GetDiscardLogger()),
	}
	if s.cfg.RelayOnly {
		options = append(options, lksdk.WithICETransportPolicy(webrtc.ICETransportPolicyRelay))
	}
	err := s.room.JoinWithContextAndToken(jctx, s.cfg.URL, token, options...)
	stop()
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return err
}

func (s *Session) publish(t *outTrack, as Track) error {
	options := &lksdk.TrackPublicationOptions{Name: "microphone", Source: livekit.TrackSource_MICROPHONE}
	if as.video() {
		options = &lksdk.TrackPublicationOptions{
			Name: "camera", Source: livekit.TrackSource_CAMERA, VideoWidth: as.Width, VideoHeight: as.Height,
		}
	}
	_, err := s.room.LocalParticipant.PublishTrack(t, options)
	return err
}

// connected waits until the tracks are bound and what is written arrives.
func (s *Session) connected(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		pc := s.room.LocalParticipant.GetPublisherPeerConnection()
		up := pc != nil && pc.ConnectionState() == webrtc.PeerConnectionStateConnected
		for _, t := range s.tracks {
			up = up && t.source.Load() != nil
		}
		if up {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return s.Err()
		case <-tick.C:
		}
	}
}

// failed leaves the room again.
func (s *Session) failed(err *Error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.Close(ctx)
	return err
}

// joinError explains why the room could not be entered.
func joinError(url, token string, err error) *Error {
	e := &Error{Op: "join", URL: printable(url), Err: errors.New(strings.ReplaceAll(err.Error(), token, "[redacted]"))}
	text := strings.ToLower(err.Error())
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		e.Err = err
	case strings.Contains(text, "unauthorized") || strings.Contains(text, "401") || strings.Contains(text, "invalid token"):
		e.slow, e.hint = true, "LiveKit does not accept a token made with this API key and secret: check both"
	case errors.Is(err, lksdk.ErrConnectionTimeout):
		e.hint = "LiveKit answers, but no media path to it was found: open its UDP ports, or TURN and port 443, in the firewall"
	}
	return e
}

// nameOf is a codec's name without the kind before it.
func nameOf(mime string) string {
	_, name, _ := strings.Cut(mime, "/")
	for _, known := range []string{H264, Opus, PCMA, PCMU} {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return fmt.Sprintf("(%s)", mime)
}
