package site

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// tokenLife is how long a minted room token is good for. It is made afresh for
// each request, so it need outlive no more than the joining itself.
const tokenLife = 10 * time.Minute

// address is where a session begins: the WHIP endpoint, and its bearer token.
type address struct {
	endpoint string
	who      string // the participant, where the token says it
	token    func(context.Context) (string, error)
}

// target publishes one camera to a WHIP endpoint, however that is found.
type target struct {
	name  string // for people
	audio map[string][]string
	find  func(context.Context) (address, error)
	// moving is true where find is cheap and its answer may be another each time.
	moving bool
	// connected, if set, runs beside each session, from its start to its end.
	connected func(context.Context)
	// renewing is true where find makes or fetches what the endpoint no longer knows,
	// so that a refusal of what is only remembered is no news yet.
	renewing bool
	// forget, if set, is told that the endpoint has refused what find returned.
	forget func()
	// refusedHint is what a person can do about a 401; "" leaves that to the
	// WHIP client, which knows of tokens only.
	refusedHint string

	media whip.Config // everything but Endpoint and Token

	mu    sync.Mutex
	known *address // from find, until the endpoint refuses it
	// client is for known, so that what it has learnt about the server stays. It
	// tells wanted about key frames.
	client *whip.Client
	wanted atomic.Pointer[func()]
}

// What a target takes, by the camera's codec, in order of preference. A
// terminating LiveKit Ingress takes no µ-law, LiveKit no G.722; browsers take all
// of these.
var (
	anyWebRTC = map[string][]string{
		publisher.CodecOpus: {publisher.CodecOpus},
		publisher.CodecG722: {publisher.CodecG722},
		publisher.CodecPCMA: {publisher.CodecPCMA},
		publisher.CodecPCMU: {publisher.CodecPCMU, publisher.CodecPCMA},
	}
	anyG711 = map[string][]string{
		publisher.CodecOpus: {publisher.CodecOpus},
		publisher.CodecPCMA: {publisher.CodecPCMA},
		publisher.CodecPCMU: {publisher.CodecPCMU, publisher.CodecPCMA},
	}
	aLawOnly = map[string][]string{
		publisher.CodecOpus: {publisher.CodecOpus},
		publisher.CodecPCMA: {publisher.CodecPCMA},
		publisher.CodecPCMU: {publisher.CodecPCMA},
	}
)

// newTarget makes the target that the camera names; it does no I/O.
func newTarget(c Camera, lk LiveKit, client *ingress.Client, media whip.Config, log *slog.Logger) (*target, error) {
	media.Logger = log
	media.Pacing = c.Pacing.whip()
	media.TLS = lk.TLS.whip()
	if c.Via == ViaWHIP {
		media.TLS = c.WHIP.TLS.whip()
	}
	t := &target{media: media, audio: anyG711}
	spec := specOf(c, lk)
	if c.RoomToken != nil {
		return t, t.byRoomToken(*c.RoomToken, lk, log)
	}
	switch c.Via {
	case ViaWHIP:
		t.name = "WHIP " + hostOf(c.WHIP.URL)
		t.audio = anyWebRTC
		at := address{endpoint: c.WHIP.URL, token: whip.StaticToken(c.WHIP.Token.Reveal())}
		t.find = func(context.Context) (address, error) { return at, nil }
	case ViaServer:
		t.name = "LiveKit server, room " + c.Room
		t.refusedHint = "livekit-server does not accept a token made with this API key and secret: check both"
		endpoint := lk.WHIPURL
		if endpoint == "" {
			var err error
			if endpoint, err = ingress.ServerWHIPURL(lk.URL); err != nil {
				return nil, err
			}
		}
		at := address{endpoint: endpoint, token: func(context.Context) (string, error) { return client.RoomToken(spec, tokenLife) }}
		t.find = func(context.Context) (address, error) { return at, nil }
	case ViaIngress:
		t.name = "LiveKit Ingress, room " + c.Room
		t.audio = aLawOnly
		t.find = func(ctx context.Context) (address, error) {
			e, err := client.Ensure(ctx, spec)
			if err != nil {
				return address{}, err
			}
			return address{endpoint: e.URL, token: whip.StaticToken(e.StreamKey.Reveal())}, nil
		}
		t.renewing, t.connected = true, describe(client, spec, log)
	default:
		return nil, errors.New("via: " + string(c.Via) + " is not known")
	}
	return t, nil
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "endpoint"
	}
	return u.Host
}

func (t *target) String() string { return t.name }

func (t *target) AudioCodecs(codec string) []string { return t.audio[codec] }

// Publish finds the endpoint, if it is not known, and makes a session there.
func (t *target) Publish(ctx context.Context, offers []publisher.Offer, onKeyFrame func()) (publisher.TargetSession, error) {
	t.wanted.Store(&onKeyFrame)
	client, remembered, err := t.clientFor(ctx)
	if err != nil {
		return nil, err
	}
	s, err := client.Publish(ctx, tracksOf(offers))
	if err != nil && t.refused(err) && remembered && t.renewing {
		if client, _, err = t.clientFor(ctx); err != nil {
			return nil, err
		}
		if s, err = client.Publish(ctx, tracksOf(offers)); err != nil {
			t.refused(err)
		}
	}
	if err != nil {
		return nil, t.hinted(err)
	}
	return &session{Session: s, tracks: len(offers), beside: start(t.connected)}, nil
}

// clientFor returns a client for the endpoint, and whether that is one which has
// been used before.
func (t *target) clientFor(ctx context.Context) (client *whip.Client, remembered bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known != nil && !t.moving {
		return t.client, true, nil
	}
	at, err := t.find(ctx)
	if err != nil {
		return nil, false, err
	}
	if t.known != nil && t.known.endpoint == at.endpoint && t.known.who == at.who {
		return t.client, true, nil
	}
	cfg := t.media
	cfg.Endpoint, cfg.Token = at.endpoint, at.token
	cfg.OnKeyFrameRequest = func(int) {
		if f := t.wanted.Load(); f != nil {
			(*f)()
		}
	}
	if client, err = whip.New(cfg); err != nil {
		return nil, false, err
	}
	t.known, t.client = &at, client
	return client, false, nil
}

// refused forgets an endpoint that refuses us: somebody may have deleted the
// ingress, or the far end its memory of it. It tells whether the endpoint said
// that it does not know us.
func (t *target) refused(err error) bool {
	var e *whip.Error
	if !errors.As(err, &e) || e.Status < 400 || e.Status >= 500 {
		return false
	}
	t.mu.Lock()
	t.known = nil
	t.mu.Unlock()
	if t.forget != nil {
		t.forget()
	}
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusNotFound
}

// hinted gives an error a better hint where we know more than the WHIP client.
func (t *target) hinted(err error) error {
	var e *whip.Error
	if t.refusedHint != "" && errors.As(err, &e) && e.Status == http.StatusUnauthorized {
		return hintedError{err, t.refusedHint}
	}
	return err
}

// hintedError is an error with another hint than its own.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }

// Hint says what a person can do.
func (e hintedError) Hint() string { return e.hint }

func tracksOf(offers []publisher.Offer) []whip.Track {
	tracks := make([]whip.Track, len(offers))
	for i, o := range offers {
		tracks[i].Kind = string(o.Kind)
		for _, name := range o.Codecs {
			tracks[i].Codecs = append(tracks[i].Codecs, whip.Codec{Name: name, ProfileLevelID: o.ProfileLevelID})
		}
	}
	return tracks
}

// session is a WHIP session as a publisher sees it.
type session struct {
	*whip.Session
	tracks int
	beside *companion
}

// Close ends what runs beside the session, and the session.
func (s *session) Close(ctx context.Context) error {
	s.beside.stop()
	return s.Session.Close(ctx)
}

func (s *session) Codec(track int) string { return s.Session.Codec(track).Name }

func (s *session) WriteRTP(track int, h *rtp.Header, payload []byte) error {
	return s.Session.WriteRTP(track, h, payload)
}

func (s *session) Stats() publisher.TargetStats {
	st := s.Session.Stats()
	out := publisher.TargetStats{
		RTT: st.RTT, Path: st.Pair, PathType: st.Path.Type, PathProtocol: st.Path.Protocol,
		Restarts: st.Restarts, AvailableRate: float64(st.AvailableRate), PathLost: st.DeliveredLoss,
		Pacing: publisher.PacingStats{
			Rate: float64(st.Pacing.Rate), Auto: st.Pacing.Auto, Delay: st.Pacing.Delay, Delayed: st.Pacing.Delayed,
			Hastened: st.Pacing.Hastened, Discarded: st.Pacing.Discarded,
		},
	}
	for i, t := range st.Tracks {
		out.Sent += t.PacketsSent
		out.Nacked += t.Nacked
		out.Retransmitted += t.Retransmitted
		out.KeyFramesWant += t.PLI + t.FIR
		if i == 0 {
			out.AllowedRate = float64(t.AllowedRate)
			out.FractionLost, out.Reported = t.FractionLost, t.LastReceiverReport
		}
	}
	return out
}
