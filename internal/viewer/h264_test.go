package viewer

import (
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// unit is one packet of a made-up stream: NAL units by type only.
type unit struct {
	seq     uint16
	ts      uint32
	marker  bool
	payload []byte
	entry   bool // what push must say
}

func TestPictures(t *testing.T) {
	var (
		sps      = []byte{0x67, 0x42, 0xc0, 0x1e} // too short to parse, still an SPS
		pps      = []byte{0x68, 1}
		idr      = []byte{0x65, 1}
		slice    = []byte{0x41, 1}
		both     = []byte{0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1e, 0, 2, 0x68, 1}
		idrStart = []byte{0x7c, 0x85, 1}
		idrMid   = []byte{0x7c, 0x05, 1}
		idrEnd   = []byte{0x7c, 0x45, 1}
	)
	for _, tt := range []struct {
		name        string
		units       []unit
		frames, key uint64
	}{
		{"single packets", []unit{{1, 0, false, sps, true}, {2, 0, false, pps, false}, {3, 0, true, idr, false}, {4, 9, true, slice, false}}, 2, 1},
		{"aggregate and fragments", []unit{
			{65534, 0, false, both, true}, {65535, 0, false, idrStart, false}, {0, 0, false, idrMid, false}, {1, 0, true, idrEnd, false},
		}, 1, 1},
		{"no marker", []unit{{1, 0, false, both, true}, {2, 0, false, idr, false}, {3, 9, false, slice, false}, {4, 18, false, slice, false}}, 2, 1},
		{"a fragment is missing", []unit{{1, 0, false, both, true}, {2, 0, false, idrStart, false}, {4, 0, true, idrEnd, false}}, 1, 0},
		{"the last fragment is missing", []unit{{1, 0, false, both, true}, {2, 0, false, idrStart, false}, {4, 9, true, slice, false}}, 2, 0},
		{"no parameter sets", []unit{{1, 0, true, idr, false}}, 1, 0},
		{"no PPS", []unit{{1, 0, false, sps, true}, {2, 0, true, idr, false}}, 1, 0},
		{"parameter sets on their own", []unit{{1, 0, true, both, true}, {2, 9, true, idr, false}, {3, 18, true, idr, false}}, 2, 1},
		{"aggregate cut short", []unit{{1, 0, false, both[:6], false}, {2, 0, true, idr, false}}, 1, 0},
		{"empty payloads", []unit{{1, 0, false, nil, false}, {2, 0, false, []byte{0x7c}, false}, {3, 0, true, []byte{0x78}, false}}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p pictures
			for i, u := range tt.units {
				if got := p.push(u.seq, u.ts, u.marker, u.payload); got != u.entry {
					t.Errorf("packet %d: entry %v", i, got)
				}
			}
			if p.frames != tt.frames || p.keyFrames != tt.key {
				t.Errorf("%d frames, %d key frames; want %d, %d", p.frames, p.keyFrames, tt.frames, tt.key)
			}
		})
	}
}

func TestPicturesOfAClip(t *testing.T) {
	clip := clipOf(t, "720p-main")
	packets := rtp.NewPacketizer(1200, 96, 1, &codecs.H264Payloader{}, rtp.NewFixedSequencer(65000), 90000)
	var p pictures
	var keys uint64
	for i, nalus := range clip.AccessUnits {
		if clip.KeyFrame(i) {
			keys++
		}
		var unit []byte
		for _, nalu := range nalus {
			unit = append(append(unit, 0, 0, 0, 1), nalu...)
		}
		for _, pkt := range packets.Packetize(unit, 3600) {
			p.push(pkt.SequenceNumber, pkt.Timestamp, pkt.Marker, pkt.Payload)
		}
	}
	if p.frames != uint64(len(clip.AccessUnits)) || p.keyFrames != keys {
		t.Errorf("%d frames, %d key frames; want %d, %d", p.frames, p.keyFrames, len(clip.AccessUnits), keys)
	}
	if p.width != 1280 || p.height != 720 || p.profile != "Main 3.1" {
		t.Errorf("%dx%d %s", p.width, p.height, p.profile)
	}
}

func TestProfileName(t *testing.T) {
	for want, in := range map[string][3]byte{
		"Baseline 3.0":             {66, 0, 30},
		"Constrained Baseline 3.1": {66, 0xe0, 31},
		"High 5.2":                 {100, 0, 52},
		"Constrained High 4.0":     {100, 0x0c, 40},
		"profile 44 1.0":           {44, 0, 10},
	} {
		if got := profileName(in[0], in[1], in[2]); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}

func FuzzPictures(f *testing.F) {
	f.Add([]byte{0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1e, 0, 2, 0x68, 1}, uint16(1), true)
	f.Add([]byte{0x7c, 0x85, 1}, uint16(2), false)
	f.Add([]byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x5b}, uint16(3), true)
	f.Add([]byte{}, uint16(65535), false)
	f.Fuzz(func(t *testing.T, payload []byte, seq uint16, marker bool) {
		var p pictures
		for i := range uint16(3) {
			p.push(seq+i, uint32(i), marker, payload)
		}
		if p.keyFrames > p.frames || p.frames > 3 {
			t.Errorf("%d frames, %d key frames of 3 packets", p.frames, p.keyFrames)
		}
		if p.width < 0 || p.height < 0 {
			t.Errorf("%dx%d", p.width, p.height)
		}
	})
}
