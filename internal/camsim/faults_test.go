package camsim

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
)

// personality returns the configuration of the one with that name.
func personality(t *testing.T, name string) Config {
	t.Helper()
	for _, p := range Personalities() {
		if p.Name == name {
			return p.Config
		}
	}
	t.Fatalf("no personality is called %q", name)
	return Config{}
}

func TestPersonalitiesStart(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Personalities() {
		if names[p.Name] || p.What == "" || p.Expect == "" {
			t.Errorf("%q: the name is taken, or nothing is said about it", p.Name)
		}
		names[p.Name] = true
		c, err := StartPersonality(p.Name, TimeScale(0.1))
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if tracks := c.Tracks(); tracks[0].Kind != "video" || tracks[0].Width == 0 || tracks[0].ClockRate == 0 {
			t.Errorf("%s: %+v", p.Name, tracks)
		}
		c.Stop()
	}
	for _, name := range fromTheField {
		if !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if _, err := StartPersonality("flawless"); err == nil || !strings.Contains(err.Error(), `"flawless"`) {
		t.Errorf("a personality that does not exist: %v", err)
	}
}

// fromTheField are the kinds that there must be.
var fromTheField = strings.Fields(`plain sha256-only qop-auth stale-nonce odd-password bad-content-base control-zoo
	broken-sdp no-sprop oob-only lying-plid mode0-fua jumbo-nal udp-blackhole udp-lossy junk-bytes stale-live555
	mute-keepalive short-timeout zombie one-session night-reboot ts-reset ts-hours-off clock-step ssrc-per-gop
	marker-on-sps no-marker marker-on-sei annexb-in-rtp sei-flood b-frames intra-refresh long-gop monster-idr
	res-switch multi-slice multi-pps aac-16k pcmu opus-jitter backchannel-first rtsps-selfsigned hevc-main narrow-uplink`)

// packets plays a camera until n video packets have come.
func packets(t *testing.T, c *Camera, n int) (*reader, []*rtp.Packet) {
	t.Helper()
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "video packets", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.video) >= n })
	r.client.Close()
	return r, r.video
}

// TestPacketFaults looks at a key frame and what follows it on the wire.
func TestPacketFaults(t *testing.T) {
	isSet := func(p *rtp.Packet) bool { k := p.Payload[0] & 0x1f; return k == 7 || k == 8 }
	for name, check := range map[string]func(ps []*rtp.Packet) error{
		"plain": func(ps []*rtp.Packet) error {
			return all(ps, func(p *rtp.Packet) bool { return p.MarshalSize() <= 1400 && (!isSet(p) || !p.Marker) })
		},
		"oob-only": func(ps []*rtp.Packet) error {
			return all(ps, func(p *rtp.Packet) bool { return !isSet(p) })
		},
		"no-marker": func(ps []*rtp.Packet) error {
			return all(ps, func(p *rtp.Packet) bool { return !p.Marker })
		},
		"marker-on-sps": func(ps []*rtp.Packet) error {
			return all(ps, func(p *rtp.Packet) bool { return !isSet(p) || p.Marker })
		},
		"annexb-in-rtp": func(ps []*rtp.Packet) error {
			return all(ps, func(p *rtp.Packet) bool {
				return p.Payload[0]&0x1f == 28 || strings.HasPrefix(string(p.Payload), "\x00\x00\x00\x01")
			})
		},
		"lone-fua": func(ps []*rtp.Packet) error {
			return all(ps, func(p *rtp.Packet) bool { return p.Payload[0]&0x1f == 28 })
		},
		"lossy": func(ps []*rtp.Packet) error {
			for i := 1; i < len(ps); i++ {
				if ps[i].SequenceNumber != ps[i-1].SequenceNumber+1 {
					return nil
				}
			}
			return errors.New("nothing is missing")
		},
		"sei-flood": func(ps []*rtp.Packet) error {
			kinds := map[byte]int{}
			for _, p := range ps {
				kinds[p.Payload[0]&0x1f]++
			}
			if kinds[6] < 25 || kinds[9] < 25 || kinds[12] < 25 {
				return fmt.Errorf("%d SEI, %d delimiters, %d filler", kinds[6], kinds[9], kinds[12])
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := personality(t, name)
			cfg.FromStart = true
			_, ps := packets(t, start(t, cfg), 130)
			if err := check(ps); err != nil {
				t.Error(err)
			}
		})
	}
}

func all(ps []*rtp.Packet, good func(*rtp.Packet) bool) error {
	for i, p := range ps {
		if !good(p) {
			return fmt.Errorf("packet %d: %v % x...", i, p.Header, p.Payload[:min(len(p.Payload), 8)])
		}
	}
	return nil
}

func TestTimelines(t *testing.T) {
	_, ps := packets(t, start(t, personality(t, "ts-reset")), 3)
	if ps[0].SequenceNumber > 2 || ps[0].Timestamp > 10*90000 {
		t.Errorf("starts at sequence number %d, timestamp %d", ps[0].SequenceNumber, ps[0].Timestamp)
	}
	_, ps = packets(t, start(t, personality(t, "b-frames")), 60)
	steps := map[int32]bool{}
	for i := 1; i < len(ps); i++ {
		steps[int32(ps[i].Timestamp-ps[i-1].Timestamp)] = true
	}
	if !steps[-2*3600] || !steps[3600] {
		t.Errorf("timestamps step by %v", steps)
	}
}

// describe returns what a camera answers to DESCRIBE, word for word.
func describe(t *testing.T, c *Camera) string {
	t.Helper()
	u, err := url.Parse(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "DESCRIBE %s RTSP/1.0\r\nCSeq: 1\r\n\r\n", u)
	var text strings.Builder
	in := bufio.NewScanner(conn)
	for in.Scan() { // up to the last line of a description without audio
		text.WriteString(in.Text() + "\n")
		if strings.HasPrefix(in.Text(), "a=fmtp:") || in.Text() == "" && !strings.Contains(text.String(), "200 OK") {
			break
		}
	}
	return text.String()
}

func TestWhatCamerasSayOfThemselves(t *testing.T) {
	for name, want := range map[string]struct{ has, lacks string }{
		"plain":            {has: "packetization-mode=1; profile-level-id=42C01E; sprop-parameter-sets="},
		"no-sprop":         {has: "packetization-mode=1", lacks: "sprop"},
		"lying-plid":       {has: "profile-level-id=420029; sprop-parameter-sets=Z0"},
		"mode0-fua":        {has: "packetization-mode=0", lacks: "mode=1"},
		"bad-content-base": {has: "Content-Base: rtsp://rtsp://127.0.0.1"},
		"broken-sdp":       {has: "\ns=Camera\ns=RTSP Session\nc=IN c=IN"},
		"sha256-only":      {has: "algorithm=\"SHA-256\"", lacks: "MD5"},
		"qop-auth":         {has: "qop=\"auth\""},
		"wrong-password":   {has: "401"},
		"hevc":             {has: "H265/90000"},
	} {
		got := describe(t, start(t, personality(t, name)))
		if !strings.Contains(got, want.has) || want.lacks != "" && strings.Contains(got, want.lacks) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestDoor(t *testing.T) {
	status := func(err error) int {
		var bad liberrors.ErrClientBadStatusCode
		errors.As(err, &bad)
		return int(bad.Code)
	}
	c := start(t, personality(t, "one-session"))
	first := read(t, c, gortsplib.ProtocolTCP)
	if _, err := tryRead(c.URL(), gortsplib.ProtocolTCP); status(err) != 453 {
		t.Errorf("a second reader: %v", err)
	}
	first.client.Close()
	wait(t, "the first reader has left", func() bool { return c.Stats().Readers == 0 })
	read(t, c, gortsplib.ProtocolTCP)

	for name, protocol := range map[string]gortsplib.Protocol{"udp-only": gortsplib.ProtocolTCP, "tcp-only": gortsplib.ProtocolUDP} {
		if _, err := tryRead(start(t, personality(t, name)).URL(), protocol); status(err) != 461 {
			t.Errorf("%s, asked for the other: %v", name, err)
		}
	}
	wrong := strings.Replace(start(t, personality(t, "wrong-password")).URL(), "://", "://viewer:secret@", 1)
	if _, err := tryRead(wrong, gortsplib.ProtocolTCP); status(err) != 401 {
		t.Errorf("wrong password: %v", err)
	}
}

func TestAudio(t *testing.T) {
	for _, name := range []string{"pcma", "pcmu", "opus", "aac-16k"} {
		c := start(t, personality(t, name))
		r := read(t, c, gortsplib.ProtocolTCP)
		wait(t, name, func() bool { return r.audioCount() > 20 && r.unitCount() > 5 })
		r.client.Close()
		var aac *format.MPEG4Audio
		if r.desc.FindFormat(&aac) != nil {
			decoder, err := aac.CreateDecoder()
			if err != nil {
				t.Fatal(err)
			}
			if units, err := decoder.Decode(r.audio[0]); err != nil || len(units) != 1 {
				t.Errorf("AAC: %d access units, %v", len(units), err)
			}
		}
	}
	c := start(t, personality(t, "silent-audio"))
	r := read(t, c, gortsplib.ProtocolTCP)
	wait(t, "video", func() bool { return r.unitCount() > 20 })
	if r.audioCount() > 0 || len(r.desc.Medias) != 2 {
		t.Errorf("%d audio packets, %d media", r.audioCount(), len(r.desc.Medias))
	}
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{{Clip: "8k"}, {Audio: "mp3"}, {MTU: 40}, {MTU: 1500}, {Addr: "nowhere"}, {Addr: "127.0.0.1:99999"},
		{Clip: "360p-main+8k"}, {Clip: "360p-main+h265"}, {Clip: "360p-main", Faults: Faults{TwoPPS: true}},
		raw(rawserver.Faults{SubClip: "8k"}), raw(rawserver.Faults{SecondClip: "8k"})} {
		c, err := Start(cfg)
		if err == nil {
			c.Stop()
			t.Errorf("%+v is accepted", cfg)
		} else if !strings.HasPrefix(err.Error(), "simulated camera: ") {
			t.Error(err)
		}
	}
}
