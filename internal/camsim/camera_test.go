package camsim

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited 30 s in vain: %s", what)
		}
	}
}

// reader plays a camera and keeps what it gets.
type reader struct {
	client *gortsplib.Client
	desc   *description.Session

	mu    sync.Mutex
	units [][][]byte
	video []rtp.Header
	audio []rtp.Header
	sound [][]byte
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
	r := &reader{client: &gortsplib.Client{Protocol: &protocol, Scheme: u.Scheme, Host: u.Host}}
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
			r.video = append(r.video, pkt.Header)
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
				r.audio = append(r.audio, pkt.Header)
				r.sound = append(r.sound, pkt.Payload)
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

// tape records what a camera says it sends.
type tape struct {
	mu    sync.Mutex
	units [][][]byte
}

func (t *tape) record(unit [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.units = append(t.units, unit)
}

func equalUnits(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// TestReaderGetsEveryAccessUnit compares bytes, over TCP and UDP.
func TestReaderGetsEveryAccessUnit(t *testing.T) {
	for name, protocol := range map[string]gortsplib.Protocol{"tcp": gortsplib.ProtocolTCP, "udp": gortsplib.ProtocolUDP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent tape
			c := start(t, Config{Clip: "360p-baseline", Audio: "opus", OnAccessUnit: sent.record})
			r := read(t, c, protocol)
			// More than the clip holds, so that its end and start are among them.
			wait(t, "access units", func() bool { return r.unitCount() >= 130 && r.audioCount() >= 100 })
			r.client.Close()

			sent.mu.Lock()
			defer sent.mu.Unlock()
			// The camera counts from when PLAY arrives; a unit can have been on
			// its way before the session was ready for it.
			first := 0
			for first < 3 && !equalUnits(sent.units[first], r.units[0]) {
				first++
			}
			for i, unit := range r.units {
				if !equalUnits(sent.units[first+i], unit) {
					t.Fatalf("access unit %d differs from the one sent", i)
				}
			}
			checkLine(t, "video", r.video, 3600)
			checkLine(t, "audio", r.audio, 960)
		})
	}
}

// checkLine holds sequence numbers to steps of 1 and timestamps to steps of
// `ticks` from marker to marker or, without markers, from packet to packet.
func checkLine(t *testing.T, what string, headers []rtp.Header, ticks uint32) {
	t.Helper()
	for i := 1; i < len(headers); i++ {
		a, b := headers[i-1], headers[i]
		if b.SequenceNumber != a.SequenceNumber+1 || b.SSRC != a.SSRC {
			t.Fatalf("%s packet %d: sequence %d after %d", what, i, b.SequenceNumber, a.SequenceNumber)
		}
		step := b.Timestamp - a.Timestamp
		newBeat := a.Marker || what == "audio"
		if want := map[bool]uint32{true: ticks}[newBeat]; step != want {
			t.Fatalf("%s packet %d: timestamp steps by %d, want %d", what, i, step, want)
		}
	}
}

func TestStats(t *testing.T) {
	c := start(t, Config{FromStart: true, Audio: "pcma", Faults: Faults{MuteAfter: 60}})
	if s := c.Stats(); s != (Stats{}) {
		t.Fatalf("before anybody plays: %+v", s)
	}
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "60 access units", func() bool { return c.Stats().AccessUnits == 60 && r.unitCount() >= 57 })
	s := c.Stats()
	if s.KeyFrames < 1 || s.KeyFrames > 2 || s.VideoPackets < 60 || s.AudioPackets < 60 || s.Bytes < 20000 || s.Errors != 0 || s.Readers != 1 {
		t.Errorf("%+v", s)
	}
	r.client.Close()
	wait(t, "reader is gone", func() bool { return c.Stats().Readers == 0 })
}

func TestRestartKeepsAddressAndBreaksSessions(t *testing.T) {
	c := start(t, Config{})
	address := c.URL()
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "media", func() bool { return r.unitCount() > 3 })
	c.Stop()
	if err := r.client.Wait(); err == nil {
		t.Error("the session outlived its camera")
	}
	if _, err := tryRead(address, gortsplib.ProtocolTCP); err == nil {
		t.Error("a stopped camera answers")
	}
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	if c.URL() != address {
		t.Errorf("moved from %s to %s", address, c.URL())
	}
	again := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "media after the restart", func() bool { return again.unitCount() > 3 })
	if again.video[0].SSRC == r.video[0].SSRC {
		t.Error("the SSRC has stayed the same")
	}
}

func TestFreeze(t *testing.T) {
	c := start(t, Config{Audio: "opus"})
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "media", func() bool { return r.unitCount() > 3 })
	c.Freeze(true)
	before := c.Stats().AccessUnits
	other, err := tryRead(c.URL(), gortsplib.ProtocolTCP)
	if err != nil {
		t.Fatalf("a frozen camera does not answer: %v", err)
	}
	other.client.Close()
	if after := c.Stats().AccessUnits; after > before+1 {
		t.Errorf("sent %d access units while frozen", after-before)
	}
	c.Freeze(false)
	wait(t, "media again", func() bool { return c.Stats().AccessUnits > before+3 })
}

func mustURL(t *testing.T, s string) *base.URL {
	t.Helper()
	u, err := base.ParseURL(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestKeyFrameOnRequest(t *testing.T) {
	c := start(t, Config{FromStart: true, Faults: Faults{HonourPLI: true}})
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "media", func() bool { return r.unitCount() > 5 })
	keys := c.Stats().KeyFrames
	at := c.Stats().AccessUnits
	if err := r.client.WritePacketRTCP(r.desc.Medias[0], &rtcp.PictureLossIndication{}); err != nil {
		t.Fatal(err)
	}
	wait(t, "a key frame", func() bool { return c.Stats().KeyFrames > keys })
	if s := c.Stats(); s.AccessUnits-at > 40 || s.KeyFrameRequests != 1 {
		t.Errorf("the key frame came %d access units after the request; %d requests counted", s.AccessUnits-at, s.KeyFrameRequests)
	}
}

func TestPasswordAndPath(t *testing.T) {
	for _, sha256 := range []bool{false, true} {
		c := start(t, Config{Username: "viewer", Password: "p@ss:w/rd", Faults: Faults{DigestSHA256: sha256}})
		if _, err := tryRead(c.URL(), gortsplib.ProtocolTCP); err == nil {
			t.Error("no password is needed")
		}
		u := mustURL(t, c.URL())
		good := fmt.Sprintf("rtsp://viewer:p%%40ss%%3Aw%%2Frd@%s%s", u.Host, u.Path)
		r, err := tryRead(good, gortsplib.ProtocolTCP)
		if err != nil {
			t.Fatal(err)
		}
		r.client.Close()
	}
	c := start(t, Config{})
	if _, err := tryRead(c.URL()+"x", gortsplib.ProtocolTCP); err == nil {
		t.Error("any path is accepted")
	}
}

// TestFiftyCameras starts them all in this process and plays each.
func TestFiftyCameras(t *testing.T) {
	const n = 50
	var readers []*reader
	for range n {
		c := start(t, Config{Transport: Transport(len(readers) % 2), Audio: "opus"})
		readers = append(readers, read(t, c, gortsplib.ProtocolTCP))
	}
	for i, r := range readers {
		wait(t, fmt.Sprintf("media of camera %d", i), func() bool { return r.unitCount() > 25 })
	}
	for _, r := range readers {
		r.client.Close()
		checkLine(t, "video", r.video, 3600)
	}
}
