package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// camera is an RTSP camera as a publisher sees it.
type camera struct {
	src      *rtspsrc.Source
	onPause  func() // set, if at all, before the first Open
	prompter *prompter
}

// newSub is newCamera for the camera's smaller stream, nil if there is none.
// video_track is about the other one.
func newSub(c Camera, userAgent string, log *slog.Logger) (publisher.Source, error) {
	if c.SubURL == "" {
		return nil, nil
	}
	c.URL, c.VideoTrack = c.SubURL, ""
	return newCamera(c, userAgent, log)
}

// newCamera checks a camera's settings; it does no I/O.
func newCamera(c Camera, userAgent string, log *slog.Logger) (*camera, error) {
	cam := &camera{onPause: func() {}}
	cfg, err := sourceOf(c, userAgent)
	if err != nil {
		return nil, err
	}
	cfg.OnBlock, cfg.Logger = func() { cam.onPause() }, log
	if cam.src, err = rtspsrc.New(cfg); err != nil {
		return nil, err
	}
	if cam.prompter, err = newPrompter(c, cfg, log); err != nil {
		return nil, err
	}
	return cam, nil
}

// sourceOf is a camera's settings as package rtspsrc takes them.
func sourceOf(c Camera, userAgent string) (rtspsrc.Config, error) {
	transport, err := rtspsrc.ParseTransport(string(c.Transport))
	if err != nil {
		return rtspsrc.Config{}, err
	}
	cfg := rtspsrc.Config{
		URL: c.URL, Username: c.Username, Password: c.Password.Reveal(),
		Transport:  transport,
		TLS:        rtspsrc.TLSConfig{Insecure: c.TLS.Insecure, SHA256: c.TLS.SHA256},
		VideoTrack: c.VideoTrack,
		VideoCodec: c.videoCodec(),
		Stall:      c.Stall.Std(),
		UserAgent:  userAgent,
	}
	if scheme, _, _ := strings.Cut(c.URL, "://"); !encrypted(scheme) {
		cfg.TLS = rtspsrc.TLSConfig{} // meant for others, or for the camera's web server
	}
	return cfg, nil
}

// videoCodec is the codec's name in SDP, which both ends go by.
func (c Camera) videoCodec() string {
	if c.Codec == CodecH265 {
		return publisher.CodecH265
	}
	return publisher.CodecH264
}

// OnPause implements publisher.Pausing.
func (c *camera) OnPause(f func()) { c.onPause = f }

func (c *camera) Open(ctx context.Context) (publisher.SourceSession, error) {
	s, err := c.src.Open(ctx)
	if errors.Is(err, rtspsrc.ErrCodec) {
		return nil, unfitError{err}
	}
	if err != nil {
		return nil, err
	}
	return &cameraSession{Session: s, prompter: c.prompter, quit: func() {}}, nil
}

// unfitError says in the publisher's terms that the camera's video cannot be shown.
type unfitError struct{ error }

func (e unfitError) Unwrap() error { return e.error }

// Unfit is always true.
func (unfitError) Unfit() bool { return true }

// cameraSession turns the types of rtspsrc into those of publisher; what the
// two have in common comes from the embedded session.
type cameraSession struct {
	*rtspsrc.Session
	prompter *prompter
	asking   sync.WaitGroup
	quit     context.CancelFunc // ends asking
}

// RequestKeyFrame asks in the way that is best by what is known of the camera.
func (s *cameraSession) RequestKeyFrame() error {
	s.prompter.asker.Want()
	return nil
}

// Close waits for what is still being asked, too.
func (s *cameraSession) Close() error {
	s.quit()
	err := s.Session.Close()
	s.asking.Wait()
	return err
}

// Err tells silence of a connected camera from its loss.
func (s *cameraSession) Err() error {
	err := s.Session.Err()
	if errors.Is(err, rtspsrc.ErrStalled) {
		return stalledError{err}
	}
	return err
}

// stalledError says in the publisher's terms that the camera stalled.
type stalledError struct{ error }

func (e stalledError) Unwrap() error { return e.error }

// Stalled is always true.
func (stalledError) Stalled() bool { return true }

// SenderTime implements publisher.Timed.
func (s *cameraSession) SenderTime(id int) (at time.Time, rtp uint32, ok bool) {
	return s.Session.SenderTime(rtspsrc.Track{ID: id})
}

func (s *cameraSession) Tracks() []publisher.Track {
	var out []publisher.Track
	for _, t := range s.Session.Tracks() {
		out = append(out, publisher.Track{
			ID: t.ID, Kind: publisher.Kind(t.Kind), Codec: t.Codec,
			ClockRate: t.ClockRate, Channels: t.Channels, ParameterSets: t.ParameterSets,
		})
	}
	return out
}

func (s *cameraSession) Ignored() []string {
	var out []string
	for _, t := range s.Session.Ignored() {
		out = append(out, fmt.Sprintf("%s track (%s) not used: %s", t.Kind, t.Codec, t.Reason))
	}
	return out
}

func (s *cameraSession) Play(ctx context.Context, tracks []publisher.Track, h publisher.Handler) error {
	chosen := make(map[int]bool, len(tracks))
	for _, t := range tracks {
		chosen[t.ID] = true
	}
	var play []rtspsrc.Track
	for _, t := range s.Session.Tracks() {
		if chosen[t.ID] {
			play = append(play, t)
		}
	}
	err := s.Session.Play(ctx, play, func(t rtspsrc.Track, pkt *rtp.Packet, arrived time.Time) {
		h(t.ID, pkt, arrived)
	})
	if err != nil {
		return err
	}
	var asking context.Context
	asking, s.quit = context.WithCancel(context.Background())
	s.asking.Go(func() { s.prompter.run(asking, s.Session) })
	return nil
}
