package personalities_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// recordings are real cameras' answers, where they lie beside the project; one of our
// own making is always played.
func recordings(t *testing.T) map[string]rawserver.Recording {
	t.Helper()
	all, err := rawserver.LoadRecordings("../../../shared/corpora/rtsp")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if setups := r["SETUP"]; len(setups) > 0 && !strings.Contains(setups[0], "interleaved") {
			delete(r, "SETUP") // it was recorded over UDP
		}
	}
	const sdp = "v=0\r\ns=a\r\ns=b\r\nm=video 0 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=control:trackID=0\r\n"
	all["own"] = rawserver.Recording{
		"DESCRIBE": {"RTSP/1.0 200 OK\r\nCseq:  7\r\nContent-Base: rtsp://rtsp://10.0.0.1/\r\nContent-Type: application/sdp\r\nContent-Length: 82\r\n\r\n" + sdp},
		"SETUP":    {"RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession:  4711 ; timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=6-7;ssrc= 1F\r\n\r\n"},
	}
	return all
}

// TestRecordedCameras plays what real cameras have answered, byte by byte, so that every
// message and every frame is cut at every place, and then a film.
func TestRecordedCameras(t *testing.T) {
	t.Parallel()
	film, err := reel.LoadFilm("360p-longgop", reel.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	for name, recording := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			camera := rawserver.StartReplay(l, recording, film, 1)
			defer camera.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			received, err := playRecorded(ctx, camera.URL())
			if errors.Is(err, rtspsrc.ErrCodec) && slices.Contains([]string{"tplink", "anjvision"}, name) {
				return // they send H.265
			}
			if err != nil || received < 20 {
				t.Errorf("%d packets: %v", received, err)
			}
		})
	}
}

// playRecorded plays a camera's video until twenty packets have come.
func playRecorded(ctx context.Context, url string) (received int, err error) {
	src, err := rtspsrc.New(rtspsrc.Config{URL: url, Transport: rtspsrc.TCP})
	if err != nil {
		return 0, err
	}
	session, err := src.Open(ctx)
	if err != nil {
		return 0, err
	}
	enough := make(chan struct{})
	err = session.Play(ctx, session.Tracks()[:1], func(rtspsrc.Track, *rtp.Packet, time.Time) {
		if received++; received == 20 {
			close(enough)
		}
	})
	if err == nil {
		select {
		case <-enough:
		case <-session.Done():
			err = session.Err()
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return received, errors.Join(err, session.Close())
}
