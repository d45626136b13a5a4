package testdata

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

func TestClips(t *testing.T) {
	for _, want := range []struct {
		name, codec, profile  string
		width, height, slices int
		duration, gop         time.Duration
	}{
		{"1080p-high", "H264", "High", 1920, 1080, 1, 4 * time.Second, 2 * time.Second},
		{"360p-baseline", "H264", "Baseline", 640, 360, 1, 4 * time.Second, 2 * time.Second},
		{"360p-bframes", "H264", "Main", 640, 360, 1, 4 * time.Second, 2 * time.Second},
		{"360p-high", "H264", "High", 640, 360, 1, 4 * time.Second, 2 * time.Second},
		{"360p-longgop", "H264", "High", 640, 360, 1, 12 * time.Second, 12 * time.Second},
		{"360p-pyramid", "H264", "Main", 640, 360, 1, 4 * time.Second, 2 * time.Second},
		{"360p-refresh", "H264", "Main", 640, 360, 1, 8 * time.Second, 8 * time.Second},
		{"360p-main", "H264", "Main", 640, 360, 1, 4 * time.Second, 2 * time.Second},
		{"360p-slices", "H264", "Main", 640, 360, 4, 4 * time.Second, 2 * time.Second},
		{"720p-main", "H264", "Main", 1280, 720, 1, 4 * time.Second, 2 * time.Second},
		{"h265", "H265", "", 320, 180, 1, 2 * time.Second, 2 * time.Second},
	} {
		v, err := Clip(want.name)
		if err != nil {
			t.Error(err)
			continue
		}
		if v.Codec != want.codec || v.Profile != want.profile || v.Width != want.width || v.Height != want.height ||
			v.FPS != 25 || v.Duration() != want.duration {
			t.Errorf("%s: %s %s %dx%d %d/s %v", want.name, v.Codec, v.Profile, v.Width, v.Height, v.FPS, v.Duration())
		}
		for i, unit := range v.AccessUnits {
			atGOP := time.Duration(i)*time.Second/25%want.gop == 0
			if v.KeyFrame(i) != atGOP {
				t.Errorf("%s: access unit %d: key frame is %t", want.name, i, !atGOP)
			}
			pictures, sets := 0, 0
			for _, nalu := range unit {
				if codecs[v.Codec].isPicture(nalu) {
					pictures++
				}
				if codecs[v.Codec].isParameterSet(nalu) {
					sets++
				}
			}
			setsDue := atGOP
			if want.name == "360p-refresh" {
				setsDue = i%50 == 0 // they come with the recovery points
			}
			if wantSets := map[bool]int{true: len(v.ParameterSets)}[setsDue]; pictures != want.slices || sets != wantSets {
				t.Errorf("%s: access unit %d has %d slices, %d parameter sets", want.name, i, pictures, sets)
			}
		}
	}
}

func TestNamesAndUnknownNames(t *testing.T) {
	want := "1080p-high 360p-baseline 360p-bframes 360p-high 360p-longgop 360p-main 360p-pyramid 360p-refresh 360p-slices 720p-main h265"
	if got := strings.Join(Names(), " "); got != want {
		t.Errorf("Names: %s", got)
	}
	if _, err := Clip("8k"); err == nil || !strings.Contains(err.Error(), "360p-baseline") {
		t.Errorf("an unknown clip: %v", err)
	}
	if _, err := Audio("mp3"); err == nil || !strings.Contains(err.Error(), "opus") {
		t.Errorf("an unknown sound: %v", err)
	}
}

// TestReorder holds the clips with B pictures to an IDR, then groups of P B B, and
// of P B b b where b refers to B.
func TestReorder(t *testing.T) {
	for name, want := range map[string][]int{
		"360p-bframes": {0, 2, -1, -1, 2, -1, -1},
		"360p-pyramid": {0, 3, 0, -2, -1, 3, 0, -2, -1},
	} {
		v, err := Clip(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Reorder[:len(want)]; !slices.Equal(got, want) {
			t.Errorf("%s starts %v, want %v", name, got, want)
		}
		shown := map[int]bool{}
		for i, shift := range v.Reorder {
			shown[i+shift] = true
		}
		if len(shown) != len(v.AccessUnits) || !shown[0] || !shown[len(v.AccessUnits)-1] {
			t.Errorf("%s: two pictures are shown at the same time", name)
		}
	}
	plain, err := Clip("360p-main")
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(plain.Reorder, func(n int) bool { return n != 0 }) {
		t.Error("a clip without B pictures is reordered")
	}
}

func TestSounds(t *testing.T) {
	for _, want := range []struct {
		name                     string
		clock, channels, samples int
	}{{"aac", 16000, 1, 1024}, {"opus", 48000, 2, 960}, {"pcma", 8000, 1, 160}, {"pcmu", 8000, 1, 160}} {
		s, err := Audio(want.name)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.ClockRate != want.clock || s.Channels != want.channels || s.Samples != want.samples || (s.Config != nil) != (want.name == "aac") {
			t.Errorf("%s: %+v", want.name, s)
		}
		if d := s.Duration(); d < 6*time.Second || d > 6*time.Second+100*time.Millisecond {
			t.Errorf("%s lasts %v", want.name, d)
		}
	}
}

// TestSize keeps what every binary carries small.
func TestSize(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += st.Size()
	}
	if total > 3<<20 {
		t.Errorf("%d bytes are embedded, more than 3 MiB", total)
	}
}

func FuzzAccessUnits(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x41, 0x9a})
	f.Add([]byte{0, 0, 1, 0x41, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, syntax := range codecs {
			units := syntax.accessUnits(nalUnits(data))
			syntax.reorder(units, &h264.SPS{})
			for _, unit := range units {
				for _, nalu := range unit {
					if len(nalu) == 0 {
						t.Fatal("an empty NAL unit")
					}
				}
			}
		}
	})
}

func FuzzOggPackets(f *testing.F) {
	f.Add([]byte("OggS"))
	f.Add(append(append([]byte("OggS"), make([]byte, 22)...), 1, 2, 'a', 'b'))
	f.Fuzz(func(t *testing.T, data []byte) {
		packets, err := oggPackets(data)
		size := 0
		for _, p := range packets {
			size += len(p)
		}
		if size > len(data) || err != nil && packets != nil {
			t.Fatalf("%d bytes of packets out of %d; %v", size, len(data), err)
		}
	})
}
