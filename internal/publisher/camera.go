package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtp"
)

// runCamera opens the camera again and again until ctx ends.
func (p *Publisher) runCamera(ctx context.Context) {
	pace := p.cameraPace
	defer pace.leave()
	for ctx.Err() == nil {
		if p.cfg.Cold && !p.isWanted() {
			pace.leave()
			p.rest()
			if !p.awaitWanted(ctx) {
				break
			}
		}
		p.trying()
		flowed, err, left := p.cameraWhileWanted(ctx)
		if ctx.Err() != nil {
			break
		}
		if left {
			continue
		}
		if flowed >= stableAfter {
			pace.reset()
		}
		if p.otherStream(err, flowed > 0) {
			continue
		}
		if !pace.sleep(ctx, p.cameraFailed(err, pace)) {
			break
		}
	}
}

// cameraWhileWanted is cameraSession, which ends too when nobody watches and the
// camera is to be closed then; left says so.
func (p *Publisher) cameraWhileWanted(ctx context.Context) (flowed time.Duration, err error, left bool) {
	if !p.cfg.OnDemand || !p.cfg.Cold {
		flowed, err = p.cameraSession(ctx)
		return flowed, err, false
	}
	wctx, end := p.whileWanted(ctx)
	flowed, err = p.cameraSession(wctx)
	left = wctx.Err() != nil
	end()
	return flowed, err, left
}

// rest is the state of a camera that is closed because nobody watches.
func (p *Publisher) rest() {
	p.update(func() {
		p.camera = side{phase: phaseResting}
		p.away = time.Time{}
	})
}

// cameraSession is one RTSP session from opening to its end. It returns how long
// its media flowed, and why it ended.
func (p *Publisher) cameraSession(ctx context.Context) (flowed time.Duration, err error) {
	defer guard(&err)
	src, err := p.chosen().Open(ctx)
	if err != nil {
		return 0, err
	}
	broken := make(chan error, 1) // a fault of our own on the packet path
	defer func() {
		p.mu.Lock()
		p.source = nil
		p.mu.Unlock()
		if cerr := src.Close(); cerr != nil {
			p.log.Debug("close camera", "err", cerr)
		}
	}()

	feeds, err := p.choose(src)
	if err != nil {
		return 0, err
	}
	feeds[0].keyed = nil
	if s, ok := src.(Prompted); ok {
		feeds[0].keyed = s.KeyFrameArrived
	}
	tracks := make([]Track, len(feeds))
	for i, f := range feeds {
		tracks[i] = f.track
	}
	if err := src.Play(ctx, tracks, handler(feeds, broken)); err != nil {
		return 0, err
	}
	p.update(func() {
		p.camera.phase = phaseProbing
		p.source = src
		p.status.CameraSessions++
	})
	flowing, err := p.probe(ctx, src, feeds, broken)
	if err != nil {
		return 0, err
	}
	p.cameraUp(flowing)
	up := time.Now()
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.swap:
		err = errOtherStream
	case err = <-broken:
	case <-src.Done():
		err = src.Err()
	}
	if err == nil {
		err = errCameraClosed
	}
	return max(time.Since(up), 1), err
}

var errCameraClosed = &hinted{text: "the camera ended the session"}

func (p *Publisher) cameraUp(flowing []*feed) {
	p.cameraPace.back()
	p.update(func() {
		p.camera = side{phase: phaseUp}
		p.streams.flows(time.Now())
		p.feeds = flowing
		p.away = time.Time{}
		p.status.Audio = ""
		for _, f := range flowing {
			if f.track.Kind == Audio {
				p.status.Audio = f.track.Codec
			}
		}
	})
	p.recovered("camera")
}

// handler finds the feed of a packet. With two or three tracks a walk is
// quicker than a map. A panic ends this camera's session and nothing else.
func handler(feeds []*feed, broken chan<- error) Handler {
	return func(id int, pkt *rtp.Packet, arrived time.Time) {
		err := func() (err error) {
			defer guard(&err)
			for _, f := range feeds {
				if f.track.ID == id {
					// What the session could not send is the session's to
					// tell; what the repacker refused it has counted.
					_ = f.push(pkt, arrived)
					return feeds[0].refused()
				}
			}
			return nil
		}()
		if err != nil {
			select {
			case broken <- err:
			default:
			}
		}
	}
}

// probe waits until the video flows and its parameter sets are known, and for
// a moment longer for the audio. It returns the feeds that flow, in order.
func (p *Publisher) probe(ctx context.Context, src SourceSession, feeds []*feed, broken <-chan error) ([]*feed, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	var videoSince time.Time
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-broken:
			return nil, err
		case <-src.Done():
			if err := src.Err(); err != nil {
				return nil, err
			}
			return nil, errCameraClosed
		case <-tick.C:
		}
		video := feeds[0]
		sps, _ := video.video.ParameterSets()
		switch {
		case video.lastIn.Load() == 0:
			if time.Since(start) > probeTimeout {
				return nil, &hinted{text: fmt.Sprintf("no video packet within %s of PLAY", probeTimeout),
					hint: "look whether the camera's stream is on; try another transport (tcp, udp)"}
			}
			continue
		case sps == nil:
			if time.Since(start) > probeTimeout {
				p.wantKeyFrame()
				return nil, &hinted{text: fmt.Sprintf("no %s parameter sets (SPS, PPS) within %s", dotted(p.cfg.Codec), probeTimeout),
					hint: "set a shorter key frame interval (GOP) at the camera"}
			}
			continue
		}
		if videoSince.IsZero() {
			videoSince = time.Now()
		}
		if video.refuses && !video.video.Judged() && time.Since(videoSince) < audioWait {
			continue // there may be B-frames
		}
		flowing := onlyFlowing(feeds)
		if len(flowing) == len(feeds) {
			return flowing, nil
		}
		if time.Since(videoSince) >= audioWait {
			p.setAudioNote("audio left out: the camera announces it and sends none")
			return flowing, nil
		}
	}
}

func onlyFlowing(feeds []*feed) []*feed {
	var out []*feed
	for _, f := range feeds {
		if f.lastIn.Load() != 0 {
			out = append(out, f)
		}
	}
	return out
}

// isBarred tells a camera that must not be shown from one that is away.
func isBarred(err error) bool {
	var h *hinted
	return errors.As(err, &h) && h.barred
}

// isUnfit tells that what the camera sends, or would send, cannot be shown.
func isUnfit(err error) bool {
	var h *hinted
	if errors.As(err, &h) && (h.barred || h.unfit) {
		return true
	}
	var u interface{ Unfit() bool }
	return asError(err, &u) && u.Unfit()
}

// isStall tells silence of a connected camera from a lost one.
func isStall(err error) bool {
	var s interface{ Stalled() bool }
	return asError(err, &s) && s.Stalled()
}
