package publisher

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestH265(t *testing.T) {
	cam, target := playing(t, "h265"), &fakeTarget{err: errors.New("not yet")}
	bubble(t, cam, target, func(c *Config) { c.Codec = CodecH265 }, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		target.fail(nil)
		after(10 * time.Second)
		s := wantState(t, p, Live)
		if s.Codec != CodecH265 || s.Width == 0 || s.Reason != "" || s.KeyFrames == 0 || s.KeyFrameInterval == 0 {
			t.Errorf("status: %+v", s)
		}
		o := target.offers[0][0]
		if len(o.Codecs) != 1 || o.Codecs[0] != CodecH265 || !strings.HasPrefix(o.ProfileLevelID, "0100") {
			t.Errorf("offer: %+v", o)
		}
		sent := target.all()[0].packets(0)
		checkLine(t, sent)
		if typ := sent[0].first >> 1 & 0x3f; typ != 48 {
			t.Errorf("the first packet has NAL unit type %d, want an AP with the parameter sets", typ)
		}
	})
}

// A camera of the other codec is not played.
func TestOtherCodec(t *testing.T) {
	for _, c := range []struct{ clip, codec, want string }{
		{"h265", CodecH264, "no H.264 video"}, {"360p-baseline", CodecH265, "no H.265 video"},
	} {
		cam, target := playing(t, c.clip), &fakeTarget{}
		bubble(t, cam, target, func(cfg *Config) { cfg.Codec = c.codec }, func(t *testing.T, p *Publisher) {
			after(5 * time.Second)
			if s := wantState(t, p, Reconnecting); !strings.Contains(s.Reason, c.want) {
				t.Errorf("%s as %s: %s (%s)", c.clip, c.codec, s.Reason, s.Hint)
			}
		})
	}
	if _, err := New(Config{Name: "gate", Source: videoOnly(), Target: &fakeTarget{}, Codec: "VP8"}); err == nil {
		t.Error("VP8 is taken")
	}
}

func TestG722(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{audio: map[string][]string{CodecG722: {CodecG722}}}
	cam.tracks = append(cam.tracks, Track{ID: 1, Kind: Audio, Codec: CodecG722, ClockRate: 8000, Channels: 1})
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		if s := wantState(t, p, Live); s.Audio != CodecG722 || s.AudioNote != "" {
			t.Errorf("audio %q, note %q", s.Audio, s.AudioNote)
		}
		sent := target.all()[0].packets(1)
		checkLine(t, sent)
		if step := sent[1].header.Timestamp - sent[0].header.Timestamp; step != 160 {
			t.Errorf("packets are %d ticks apart", step)
		}
	})
}
