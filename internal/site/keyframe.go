package site

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camhttp"
	"github.com/rtsp2whip/rtsp2whip/internal/keyframe"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// prompter asks one camera for key frames, however that is done.
type prompter struct {
	asker  *keyframe.Asker
	http   map[keyframe.Way]keyframe.Ask
	second rtspsrc.Config // of the session that is opened for its key frame
}

// newPrompter prepares the ways that the camera may be asked in.
func newPrompter(c Camera, src rtspsrc.Config, log *slog.Logger) (*prompter, error) {
	cam, err := webOf(c)
	if err != nil {
		return nil, err
	}
	ways, fixed := keyframe.Ways(string(c.KeyFrame), cam)
	src.Logger, src.OnBlock = nil, nil
	return &prompter{asker: keyframe.New(ways, fixed, log), http: cam.Asks(), second: src}, nil
}

// webOf is what the ways over HTTP need to know of a camera.
func webOf(c Camera) (keyframe.Camera, error) {
	at, err := url.Parse(c.URL)
	if err != nil {
		return keyframe.Camera{}, errors.New("the camera's URL cannot be parsed")
	}
	cam := keyframe.Camera{RTSP: at, Username: c.Username, Password: c.Password.Reveal()}
	if c.Web != "" {
		if cam.Web, err = url.Parse(c.Web); err != nil {
			return keyframe.Camera{}, errors.New("the address of the camera's web server cannot be parsed")
		}
	}
	tlsConfig, err := c.webTLS()
	if err != nil {
		return keyframe.Camera{}, fmt.Errorf("tls: %w", err)
	}
	cam.HTTP = camhttp.New(camhttp.Config{Username: cam.Username, Password: cam.Password, TLS: tlsConfig})
	return cam, nil
}

// webTLS judges the certificate of a camera's web server as that of its stream.
func (c Camera) webTLS() (*tls.Config, error) {
	return ServerTLS{SHA256: c.TLS.SHA256, Insecure: c.TLS.Insecure}.whip().Config()
}

// run asks during one session, until ctx ends.
func (p *prompter) run(ctx context.Context, s *rtspsrc.Session) {
	within := func(how rtspsrc.KeyFrameRequest) keyframe.Ask {
		return keyframe.AtOnce(func(ctx context.Context) error { return refusal(s.RequestKeyFrameBy(ctx, how)) })
	}
	ways := map[keyframe.Way]keyframe.Ask{
		keyframe.PLI: within(rtspsrc.PLI), keyframe.FIR: within(rtspsrc.FIR), keyframe.Axis: within(rtspsrc.RenewStream),
		keyframe.Session: keyframe.AtOnce(p.openSecond),
	}
	for w, ask := range p.http {
		ways[w] = ask
	}
	p.asker.Run(ctx, ways)
}

// secondStay is how long a second session waits for its first key frame.
const secondStay = 2 * time.Second

// openSecond plays the stream once more, until its key frame has come, there or in
// the first session (ctx ends then).
func (p *prompter) openSecond(ctx context.Context) error {
	src, err := rtspsrc.New(p.second)
	if err != nil {
		return err
	}
	s, err := src.Open(ctx)
	if err != nil {
		return refusal(err)
	}
	defer func() { _ = s.Close() }()
	err = s.Play(ctx, s.Tracks()[:1], func(rtspsrc.Track, *rtp.Packet, time.Time) {})
	if err != nil {
		return refusal(err)
	}
	stay := time.NewTimer(secondStay)
	defer stay.Stop()
	select {
	case <-ctx.Done():
	case <-stay.C:
	case <-s.Done():
	}
	return nil
}

// refusal says in the words of package keyframe what a camera's answer over RTSP
// means.
func refusal(err error) error {
	var e *rtspsrc.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Status == 401 || e.Status == 403:
		return fmt.Errorf("%w: %w", keyframe.ErrRefused, err)
	case e.Status >= 400:
		// It has no such request, or no session left.
		return fmt.Errorf("%w: %w", keyframe.ErrUnsupported, err)
	}
	return err
}

// KeyFrameArrived implements publisher.Prompted.
func (s *cameraSession) KeyFrameArrived(at time.Time) { s.prompter.asker.Arrived(at) }

// Prompt implements publisher.Prompted.
func (s *cameraSession) Prompt() publisher.Prompt {
	is := s.prompter.asker.Status()
	return publisher.Prompt{Way: string(is.Way), Delay: is.Delay, Asks: is.Asks, GOP: is.GOP, Problem: is.Problem}
}
