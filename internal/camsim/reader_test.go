package camsim

import (
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"
)

// start starts a camera that stops with the test.
func start(t *testing.T, cfg Config) *Camera {
	t.Helper()
	c, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// wait polls until cond holds.
func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited a minute in vain: %s", what)
		}
	}
}

// reader plays a camera and keeps what it gets.
type reader struct {
	client *gortsplib.Client
	desc   *description.Session

	mu    sync.Mutex
	units [][][]byte
	video []*rtp.Packet
	audio []*rtp.Packet
}

// read plays the camera until the test ends.
func read(t *testing.T, c *Camera, protocol gortsplib.Protocol) *reader {
	t.Helper()
	r, err := tryRead(c.URL(), protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	return r
}

func tryRead(address string, protocol gortsplib.Protocol) (*reader, error) {
	u, err := base.ParseURL(address)
	if err != nil {
		return nil, err
	}
	r := &reader{client: &gortsplib.Client{
		Protocol: &protocol, Scheme: u.Scheme, Host: u.Host,
		TLSConfig:     &tls.Config{InsecureSkipVerify: true}, // the camera signed for itself
		OnPacketsLost: func(uint64) {},                       // some cameras lose them on purpose
	}}
	if err := r.client.Start(); err != nil {
		return nil, err
	}
	if err := r.play(u); err != nil {
		r.client.Close()
		return nil, err
	}
	return r, nil
}

func (r *reader) play(u *base.URL) error {
	desc, _, err := r.client.Describe(u)
	if err != nil {
		return err
	}
	r.desc = desc
	if err := r.client.SetupAll(desc.BaseURL, desc.Medias); err != nil {
		return err
	}
	var h264 *format.H264
	if media := desc.FindFormat(&h264); media != nil {
		decoder, err := h264.CreateDecoder()
		if err != nil {
			return err
		}
		r.client.OnPacketRTP(media, h264, func(pkt *rtp.Packet) {
			unit, err := decoder.Decode(pkt)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.video = append(r.video, pkt)
			if err == nil {
				r.units = append(r.units, unit)
			}
		})
	}
	for _, media := range desc.Medias {
		if media.Type == description.MediaTypeAudio {
			r.client.OnPacketRTP(media, media.Formats[0], func(pkt *rtp.Packet) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.audio = append(r.audio, pkt)
			})
		}
	}
	_, err = r.client.Play(nil)
	return err
}

func (r *reader) unitCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.units)
}

func (r *reader) audioCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.audio)
}
