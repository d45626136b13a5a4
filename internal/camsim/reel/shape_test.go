package reel

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func shaped(t *testing.T, clip string, shape Shape) *Film {
	t.Helper()
	f, err := LoadFilm(clip, shape)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// kinds counts the NAL unit types of a film.
func kinds(f *Film) map[byte]int {
	n := map[byte]int{}
	for _, u := range f.Units {
		for _, nalu := range u.NALUs {
			n[nalu[0]&0x1f]++
		}
	}
	return n
}

func TestSplice(t *testing.T) {
	f := shaped(t, "360p-main+720p-main", Shape{})
	if f.Video.Width != 640 || len(f.Units) != 200 || !f.Units[100].KeyFrame {
		t.Fatalf("%d wide, %d units", f.Video.Width, len(f.Units))
	}
	if bytes.Equal(f.Units[0].NALUs[0], f.Units[100].NALUs[0]) {
		t.Error("the SPS does not change")
	}
	for _, bad := range []string{"360p-main+h265", "360p-main+", "+"} {
		if _, err := LoadFilm(bad, Shape{}); err == nil {
			t.Errorf("%s is spliced", bad)
		}
	}
}

func TestJumbo(t *testing.T) {
	largest := 0
	for _, u := range shaped(t, "1080p-high", Shape{Jumbo: true}).Units {
		for _, p := range u.Packets {
			largest = max(largest, len(p.Payload))
		}
	}
	if largest < 10000 || largest > jumboPacket {
		t.Errorf("the largest payload has %d bytes", largest)
	}
	if _, err := LoadFilm("1080p-high", Shape{PacketSize: 5000}); err == nil {
		t.Error("5,000 bytes fit Ethernet")
	}
}

func TestPadAll(t *testing.T) {
	f := shaped(t, "1080p-high", Shape{PadAll: 40000})
	for i, u := range f.Units {
		slice := u.NALUs[len(u.NALUs)-1]
		if len(slice) < 40000 || len(slice) > 60000 && !u.KeyFrame {
			t.Errorf("picture %d has %d bytes", i, len(slice))
		}
	}
}

func TestPadIDR(t *testing.T) {
	f := shaped(t, "360p-main", Shape{PadIDR: 200000})
	for _, u := range f.Units {
		size := 0
		for _, nalu := range u.NALUs {
			size += len(nalu)
		}
		if big := size >= 200000; big != u.KeyFrame || size > 201000 {
			t.Fatalf("an access unit of %d bytes, key frame %t", size, u.KeyFrame)
		}
	}
}

func TestUnitsWithoutPictures(t *testing.T) {
	f := shaped(t, "360p-main", Shape{SEIUnits: true})
	if len(f.Units) != 200 || f.Step != 1800 || f.Units[0].Picture == f.Units[1].Picture {
		t.Fatalf("%d units, a step of %d", len(f.Units), f.Step)
	}
	sent := 0
	p := NewPlayer(Script{Film: f, FromStart: true}, Sink{
		Watched: func() bool { return true },
		Video:   func(*rtp.Packet, time.Time) error { sent++; return nil },
	})
	p.sendUnit(&f.Units[0], time.Now())
	before := sent
	p.sendUnit(&f.Units[1], time.Now())
	if sent != before+1 || p.Stats().AccessUnits != 1 {
		t.Errorf("%d packets, %d access units", sent-before, p.Stats().AccessUnits)
	}
}

func TestFillerAndNoIDR(t *testing.T) {
	if n := kinds(shaped(t, "360p-main", Shape{Filler: true})); n[typeFiller] != 100 {
		t.Errorf("%d filler units", n[typeFiller])
	}
	f := shaped(t, "360p-refresh", Shape{NoIDR: true})
	if n := kinds(f); n[typeIDR] != 0 || n[1] != 199 || n[typeSEI] != 3 || n[typeSPS] != 3 {
		t.Errorf("NAL units: %v", n)
	}
	// A request for what there is not changes nothing.
	p := NewPlayer(Script{Film: f}, Sink{Watched: func() bool { return false }})
	p.KeyFrame()
	at := p.position
	p.playVideo(time.Now())
	if p.position != (at+1)%len(f.Units) {
		t.Errorf("from %d to %d", at, p.position)
	}
}

// TestTwoPPS reads the ids that slices refer to; that the pictures stay the same
// was seen with a decoder.
func TestTwoPPS(t *testing.T) {
	f := shaped(t, "360p-baseline", Shape{TwoPPS: true})
	if n := kinds(f); n[typePPS] != 4 {
		t.Fatalf("%d PPS", n[typePPS])
	}
	for i, u := range f.Units {
		for _, nalu := range u.NALUs {
			if nalu[0]&0x1f > typeIDR {
				continue
			}
			b := bits{data: unescape(nalu[1:])}
			b.exp()
			b.exp()
			if id := b.exp(); id != i%2 {
				t.Fatalf("picture %d refers to PPS %d", i, id)
			}
		}
	}
	if _, err := LoadFilm("360p-main", Shape{TwoPPS: true}); err == nil {
		t.Error("CABAC is renumbered")
	}
}

func TestEscape(t *testing.T) {
	for _, raw := range [][]byte{{}, {0, 0, 0, 0, 0, 1}, {0, 0, 3, 0, 0, 2, 9}, {1, 0, 0}} {
		e := escape(raw)
		if bytes.Contains(e, []byte{0, 0, 1}) || bytes.Contains(e, []byte{0, 0, 0}) || !bytes.Equal(unescape(e), raw) {
			t.Errorf("% x becomes % x", raw, e)
		}
	}
}

// TestAudioJitter wants every error to be another, and none to turn time back.
func TestAudioJitter(t *testing.T) {
	track, err := LoadTrack("opus")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var stamps []uint32
	NewPlayer(Script{Film: shaped(t, "360p-main", Shape{}), Track: track, AudioJitter: 720}, Sink{
		Watched: func() bool { return true },
		Video:   func(*rtp.Packet, time.Time) error { return nil },
		Audio: func(p *rtp.Packet, _ time.Time) error {
			if stamps = append(stamps, p.Timestamp); len(stamps) == 20 {
				cancel()
			}
			return nil
		},
	}).Run(ctx)
	steps := map[uint32]bool{}
	for i := 1; i < len(stamps); i++ {
		step := stamps[i] - stamps[i-1]
		if steps[step] = true; step == 0 || step > 960+720 {
			t.Errorf("a step of %d", int32(step))
		}
	}
	if len(steps) < 10 {
		t.Errorf("only %d different steps", len(steps))
	}
}
