package camsim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
func checkLine(t *testing.T, what string, packets []*rtp.Packet, ticks uint32) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := packets[i-1], packets[i]
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
	c := start(t, Config{Clip: "360p-longgop", FromStart: true, Faults: Faults{HonourPLI: true}})
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "media", func() bool { return r.unitCount() > 5 })
	before := c.Stats()
	if err := r.client.WritePacketRTCP(r.desc.Medias[0], &rtcp.PictureLossIndication{}); err != nil {
		t.Fatal(err)
	}
	wait(t, "a key frame", func() bool { return c.Stats().KeyFrames > before.KeyFrames })
	if s := c.Stats(); s.AccessUnits > 200 || s.KeyFrameRequests != 1 {
		t.Errorf("the key frame came between %d and %d access units, when it was due; %d requests counted",
			before.AccessUnits, s.AccessUnits, s.KeyFrameRequests)
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

func TestTLS(t *testing.T) {
	c := start(t, Config{TLS: true})
	if !strings.HasPrefix(c.URL(), "rtsps://") || len(c.Fingerprint()) != 64 {
		t.Errorf("%s, %q", c.URL(), c.Fingerprint())
	}
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "media", func() bool { return r.unitCount() > 30 })
	if s := c.Stats(); s.Overruns+s.Errors != 0 {
		t.Errorf("%+v", s)
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
