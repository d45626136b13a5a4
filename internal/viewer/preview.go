package viewer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Codecs, as publishers name them.
const (
	codecH264 = "H264"
	codecH265 = "H265"
	codecOpus = "opus"
)

// preview is one browser that looks at one camera.
type preview struct {
	camera string
	log    *slog.Logger
	queue  *queue
	over   chan struct{} // closed when the camera's publisher has ended
	tapped Tapped
	peer   *peer         // nil until the camera was tapped
	video  *previewTrack // these two are read once the queue is open
	audio  *previewTrack // nil without sound
}

var (
	errCameraEnded = errors.New("the camera was restarted, or its settings have changed")
	errTimeIsUp    = errors.New("its time is up")
)

// Ended is called when the camera's publisher has ended: the camera was restarted, its
// settings have changed, or it is gone.
func (v *preview) Ended() { close(v.over) }

// WriteRTP takes a packet on the camera's packet path.
func (v *preview) WriteRTP(codec string, start bool, h *rtp.Header, payload []byte) {
	if !v.queue.open.Load() {
		return
	}
	ask := false
	switch {
	case codec == v.tapped.Video:
		ask = v.queue.put(v.video, true, start, h, payload)
	case codec == codecOpus && v.audio != nil:
		ask = v.queue.put(v.audio, false, false, h, payload)
	}
	if ask {
		v.tapped.KeyFrame()
	}
}

// negotiate taps the camera and answers the offer. After an error nothing is left.
func (v *preview) negotiate(
	ctx context.Context, tap func(string, Sink) (Tapped, error), offer string, kinds offerKinds, at netip.Addr,
) (answer string, err error) {
	if v.tapped, err = tap(v.camera, v); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			v.tapped.Remove()
			if v.peer != nil {
				v.peer.shut()
			}
		}
	}()
	sound := kinds.audio && v.tapped.Audio == codecOpus
	api, err := newPreviewAPI(v.tapped.Video, sound, at, needsRealAddress(offer))
	if err != nil {
		return "", err
	}
	if v.peer, err = newPeer(api, v.log, ""); err != nil {
		return "", err
	}
	if err = v.addTracks(sound); err != nil {
		return "", err
	}
	answer, err = v.peer.answer(ctx, offer)
	if status := (*statusError)(nil); errors.As(err, &status) && status.status == http.StatusNotAcceptable {
		return "", fail(http.StatusNotAcceptable, "this browser cannot play %s, which the camera sends", wordFor(v.tapped.Video))
	}
	if err != nil {
		return "", err
	}
	return moveCandidates(answer)
}

// addTracks gives the browser the picture, and the sound if there is any for it.
func (v *preview) addTracks(sound bool) error {
	v.video = newPreviewTrack(webrtc.RTPCodecTypeVideo, videoCapability(v.tapped.Video, v.tapped.ProfileLevelID))
	tracks := []*previewTrack{v.video}
	if sound {
		v.audio = newPreviewTrack(webrtc.RTPCodecTypeAudio, opus)
		tracks = append(tracks, v.audio)
	}
	for _, t := range tracks {
		sender, err := v.peer.pc.AddTrack(t)
		if err != nil {
			return err
		}
		v.peer.loop(func() { v.readFeedback(sender) })
	}
	return nil
}

// readFeedback has a key frame asked for when the browser needs one.
func (v *preview) readFeedback(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, pkt := range packets {
			switch pkt.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				v.tapped.KeyFrame()
			}
		}
	}
}

// run plays until the preview ends, for whatever reason, and then gives up its place.
func (v *preview) run(ctx context.Context, life time.Duration, leave func()) {
	ctx, stop := context.WithTimeoutCause(ctx, life, errTimeIsUp)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v.peer.loop(func() {
		select {
		case <-v.over:
			cancel(errCameraEnded)
		case <-v.peer.ended:
		}
	})
	v.peer.loop(v.send)
	began := time.Now()
	ready := func() {
		v.queue.begin(time.Now())
		v.tapped.KeyFrame()
		v.log.Info("preview", "state", "open")
	}
	v.peer.live(ctx, ready, func() {
		v.tapped.Remove()
		v.queue.end()
		leave()
		v.log.Info("preview", "state", "ended", "reason", v.peer.endReason(),
			"after", time.Since(began).Round(time.Second), "dropped", v.queue.lost())
	})
}

// send hands the browser what the queue has, until the preview ends.
func (v *preview) send() {
	var p queued
	for {
		select {
		case <-v.peer.ended:
			return
		case <-v.queue.wake:
		}
		for v.queue.take(&p) {
			if !p.track.write(&p) {
				v.queue.restart()
			}
			select {
			case <-v.peer.ended:
				return
			default:
			}
		}
	}
}

// wordFor is a codec's name as people write it.
func wordFor(codec string) string {
	if codec == codecH265 {
		return "H.265"
	}
	return "H.264"
}
