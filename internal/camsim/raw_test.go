package camsim

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
)

// TestRawCamera holds a camera on our own server to what all cameras can do.
func TestRawCamera(t *testing.T) {
	for name, cfg := range map[string]Config{
		"tcp": {Audio: "opus", Faults: Faults{HonourPLI: true, Raw: rawserver.Faults{PlainAVP: false, ZeroRTPInfo: true}}},
		"tls": {Audio: "aac", TLS: true, Faults: Faults{HonourPLI: true, Raw: rawserver.Faults{ZeroRTPInfo: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			var sent tape
			cfg.OnAccessUnit = sent.record
			c := start(t, cfg)
			r := read(t, c, gortsplib.ProtocolTCP)
			wait(t, "access units", func() bool {
				// The camera counts an access unit when it has sent it: after its arrival, perhaps.
				return r.unitCount() >= 110 && r.audioCount() >= 50 && c.Stats().AccessUnits >= 110
			})
			if s := c.Stats(); s.Readers != 1 || s.Errors > 0 || s.Dialog.Sessions != 1 {
				t.Errorf("%+v", s)
			}
			r.client.Close()
			wait(t, "the reader has left by a TEARDOWN", func() bool {
				s := c.Stats()
				return s.Readers == 0 && s.Dialog.Teardowns == 1
			})
			sent.mu.Lock()
			defer sent.mu.Unlock()
			for i, unit := range r.units {
				if !equalUnits(sent.units[i], unit) {
					t.Fatalf("access unit %d differs from the one sent", i)
				}
			}
			checkLine(t, "video", r.video, 3600)
		})
	}
}

func TestRawCameraOverUDP(t *testing.T) {
	c := start(t, Config{Audio: "pcmu", Transport: UDPOnly, Faults: Faults{Raw: rawserver.Faults{ZeroRTPInfo: true}}})
	r := read(t, c, gortsplib.ProtocolUDP)
	wait(t, "access units", func() bool { return r.unitCount() >= 50 && r.audioCount() >= 50 })
	r.client.Close()
	checkLine(t, "video", r.video, 3600)
	if s := c.Stats(); s.Dialog.Impaired != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRawCameraControls freezes, restarts and asks for a key frame.
func TestRawCameraControls(t *testing.T) {
	c := start(t, Config{Clip: "360p-longgop", FromStart: true, Faults: Faults{Raw: rawserver.Faults{ZeroRTPInfo: true}}})
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "media", func() bool { return r.unitCount() > 3 })
	before := c.Stats()
	c.KeyFrame()
	wait(t, "a key frame", func() bool { return c.Stats().KeyFrames > before.KeyFrames })
	if now := c.Stats(); now.AccessUnits > 200 {
		t.Errorf("the key frame came between %d and %d access units, when it was due", before.AccessUnits, now.AccessUnits)
	}
	c.Freeze(true)
	sent := c.Stats().AccessUnits
	other := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "a second reader", func() bool { return c.Stats().Readers == 2 })
	if after := c.Stats().AccessUnits; after > sent+1 || other.unitCount() > 0 {
		t.Errorf("sent %d access units while frozen", after-sent)
	}
	c.Freeze(false)
	wait(t, "media again", func() bool { return other.unitCount() > 3 })
	address := c.URL()
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := r.client.Wait(); err == nil || c.URL() != address {
		t.Errorf("%v, %s", err, c.URL())
	}
	if after := c.Stats().AccessUnits; after < sent {
		t.Errorf("%d access units after the restart, %d before", after, sent)
	}
}

// TestHangUp breaks the connections of cameras on both servers, over both transports.
func TestHangUp(t *testing.T) {
	for _, raw := range []rawserver.Faults{{}, {ZeroRTPInfo: true}} {
		for _, protocol := range []gortsplib.Protocol{gortsplib.ProtocolTCP, gortsplib.ProtocolUDP} {
			c := start(t, Config{Faults: Faults{Raw: raw}})
			r := read(t, c, protocol)
			wait(t, "media", func() bool { return r.unitCount() > 3 })
			c.HangUp()
			if err := r.client.Wait(); err == nil {
				t.Errorf("%+v, %v: the session outlived its connection", raw, protocol)
			}
			again := read(t, c, protocol)
			wait(t, "media again", func() bool { return again.unitCount() > 3 })
		}
	}
}

// TestImpair has packets lost for a while.
func TestImpair(t *testing.T) {
	c := start(t, Config{Transport: UDPOnly, Faults: Faults{Raw: rawserver.Faults{Timeout: time.Minute}}})
	r := read(t, c, gortsplib.ProtocolUDP)
	wait(t, "media", func() bool { return r.unitCount() > 3 })
	if n := c.Stats().Dialog.Impaired; n != 0 {
		t.Errorf("%d packets were touched before", n)
	}
	c.Impair(300, 100, 100)
	wait(t, "losses", func() bool { return c.Stats().Dialog.Impaired > 10 })
	c.Impair(0, 0, 0)
	after := c.Stats()
	wait(t, "more media", func() bool { return c.Stats().AccessUnits > after.AccessUnits+20 })
	if n := c.Stats().Dialog.Impaired; n > after.Dialog.Impaired+3 { // those under way meanwhile
		t.Errorf("%d packets were touched afterwards", n-after.Dialog.Impaired)
	}
}

// TestJumps lets timestamps jump while a camera plays, on both servers.
func TestJumps(t *testing.T) {
	for _, raw := range []rawserver.Faults{{}, {ZeroRTPInfo: true}} {
		c := start(t, Config{Faults: Faults{Raw: raw}})
		r := read(t, c, gortsplib.ProtocolTCP)
		wait(t, "media", func() bool { return r.unitCount() > 3 })
		c.StepClock(time.Hour) // the reader does not show it; the player's own test does
		c.Jump(time.Hour)
		wait(t, "a jump", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.video[len(r.video)-1].Timestamp-r.video[0].Timestamp > 3600*90000
		})
	}
}

func TestSubStream(t *testing.T) {
	c, err := StartPersonality("hevc-main")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	r, err := tryRead(c.SubURL(), gortsplib.ProtocolTCP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	wait(t, "H.264 of the second stream", func() bool { return r.unitCount() > 3 })
	if got := c.Tracks(); len(got) != 1 || got[0].Codec != "H265" {
		t.Errorf("%+v", got)
	}
	if user, password := c.Credentials(); user+password != "" {
		t.Errorf("credentials %q, %q", user, password)
	}
}
