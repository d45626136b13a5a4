package repack

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestStats(t *testing.T) {
	g := newRig(t, VideoConfig{})
	if s := g.r.Stats(); !s.NeedKeyFrame {
		t.Error("no key frame needed at the beginning")
	}
	g.sendAll(delta(5, 100), key(100), delta(1, 100))
	began := g.now.Add(40 * time.Millisecond)
	g.sendAll(key(100))
	s := g.r.Stats()
	var bytesOut uint64
	for _, p := range g.out {
		bytesOut += uint64(p.MarshalSize())
	}
	want := VideoStats{
		Packets: uint64(len(g.out)), Bytes: bytesOut, AccessUnits: 4, KeyFrames: 2,
		Width: 640, Height: 480, ProfileLevelID: "42c01e",
		LastKeyFrame: began, KeyFrameInterval: 80 * time.Millisecond,
	}
	if s != want {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	sps, pps := g.r.ParameterSets()
	if !bytes.Equal(sps, testSPS) || !bytes.Equal(pps, testPPS) {
		t.Errorf("parameter sets: %x, %x", sps, pps)
	}
}

func TestProblems(t *testing.T) {
	main := makeSPS(spsSpec{profile: 77})
	idr := makeSlice(sliceSpec{idr: true, typ: 7, size: 100})
	slowly := func(g *rig, n int, au func(i uint32) [][]byte) {
		for i := range uint32(n) {
			g.now = g.now.Add(time.Second)
			g.ts += 90000
			g.send(au(i + 1))
		}
	}
	reordered := func(g *rig, au func(n uint32) [][]byte) {
		for i := range uint32(4) {
			g.ts += 2 * 3600
			g.send(au(i + 1))
			g.ts -= 3 * 3600
			g.send(au(i + 2))
			g.send(au(i + 2))
			g.ts += 3600
		}
	}
	for _, tt := range []struct {
		name, want string
		feed       func(g *rig)
	}{
		{"none", "", func(g *rig) { g.send(key(100)) }},
		{"interleaved", "mode 1", func(g *rig) {
			g.frame()
			g.push(true, 0x79, 0, 0, 0, 1, 0x65, 1)
		}},
		{"B-frames", "Baseline", func(g *rig) {
			g.send(pic(main, testPPS, idr))
			g.send(pic(makeSlice(sliceSpec{typ: 6, frameNum: 1, size: 50})))
		}},
		{"no B-frames in Baseline", "", func(g *rig) {
			g.send(key(100))
			g.send(pic(makeSlice(sliceSpec{typ: 6, frameNum: 1, size: 50})))
		}},
		{"no B-frames without reordering", "", func(g *rig) {
			g.send(pic(makeSPS(spsSpec{profile: 77, pocType: 2}), testPPS, idr))
			g.send(pic(makeSlice(sliceSpec{typ: 6, frameNum: 1, size: 50})))
		}},
		{"reordered timestamps", "B-frames", func(g *rig) {
			g.send(pic(main, testPPS, idr))
			reordered(g, func(n uint32) [][]byte { return pic(makeSlice(sliceSpec{typ: 5, pps: 300, frameNum: n, size: 50})) })
		}},
		{"a clock that goes back", "", func(g *rig) {
			g.send(pic(main, testPPS, idr))
			reordered(g, func(n uint32) [][]byte { return delta(n, 50) })
		}},
		{"interlaced", "progressive", func(g *rig) {
			g.send(pic(makeSPS(spsSpec{profile: 77, interlaced: true}), testPPS, idr))
		}},
		{"data partitioning", "data partitioning", func(g *rig) {
			g.send(key(100))
			a := makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 50})
			a[0] = 0x62
			g.send(pic(a, append([]byte{0x63}, a[1:]...)))
		}},
		{"intra refresh", "intra refresh", func(g *rig) {
			slowly(g, 12, func(i uint32) [][]byte { return append(pic([]byte{6, 6, 1, 0x84, 0x80}), delta(i, 50)...) })
		}},
		{"no key frame", "no key frame", func(g *rig) {
			slowly(g, 12, func(i uint32) [][]byte { return delta(i, 50) })
		}},
		{"no key frame while waiting for one", "no key frame", func(g *rig) {
			g.sendAll(key(100), delta(1, 50))
			g.seq++
			slowly(g, 12, func(i uint32) [][]byte { return delta(i+2, 50) })
		}},
		{"rare key frames", "seconds apart", func(g *rig) {
			g.send(key(100))
			slowly(g, 12, func(i uint32) [][]byte { return delta(i, 50) })
			g.send(key(100))
		}},
		{"key frames lost on the way", "", func(g *rig) {
			g.send(key(100))
			slowly(g, 5, func(i uint32) [][]byte { return delta(i, 50) })
			g.frame()
			parts := fragments(idr, 30)
			for i, p := range parts {
				if i == 1 {
					g.seq++
					continue
				}
				g.push(i == len(parts)-1, p...)
			}
			slowly(g, 7, func(i uint32) [][]byte { return delta(i, 50) })
			if s := g.r.Stats(); s.Problem != "" {
				g.t.Errorf("before the next one: %q", s.Problem)
			}
			g.send(key(100))
		}},
		{"key frames after a long wait", "", func(g *rig) {
			slowly(g, 12, func(i uint32) [][]byte { return delta(i, 50) })
			g.sendAll(key(100), delta(1, 50), key(100))
		}},
		{"no parameter sets", "SPS and PPS", func(g *rig) { g.send(pic(idr)) }},
		{"large parameter sets", "do not fit", func(g *rig) {
			g.send(pic(makeSPS(spsSpec{pad: 1500}), testPPS, idr))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, VideoConfig{})
			tt.feed(g)
			s := g.r.Stats()
			if tt.want == "" && s.Problem != "" || !strings.Contains(s.Problem, tt.want) {
				t.Errorf("problem %q, want %q", s.Problem, tt.want)
			}
			if s.BFrames != (tt.name == "B-frames" || tt.name == "reordered timestamps") {
				t.Errorf("BFrames: %v", s.BFrames)
			}
			if s.Interlaced != (tt.name == "interlaced") {
				t.Errorf("Interlaced: %v", s.Interlaced)
			}
		})
	}
}

func TestProblemSentences(t *testing.T) {
	for p := problem(1); p <= problemBigSets; p <<= 1 {
		s := p.sentence("H.264")
		if !strings.HasPrefix(s, "the camera") || !strings.Contains(s, ": ") || strings.HasSuffix(s, ".") {
			t.Errorf("problem %b: %q", p, s)
		}
	}
}

// Errors of the writer reach the caller and change nothing else.
func TestWriterError(t *testing.T) {
	r := NewH264(VideoConfig{}, NewLine(90000))
	w := &failingWriter{}
	p := rtp.Packet{Header: rtp.Header{SequenceNumber: 1, Timestamp: 1, Marker: true}, Payload: stapA(key(100)...)}
	if err := r.Push(&p, testStart, w); err != errWriter {
		t.Errorf("error %v", err)
	}
	if w.n != 2 {
		t.Errorf("%d packets written, want 2", w.n)
	}
}

// Stats and ParameterSets are read while packets are pushed; the race detector
// sees to the rest.
func TestStatsFromAnotherGoroutine(t *testing.T) {
	g := newRig(t, VideoConfig{})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Add(1)
	go func() {
		defer wg.Done()
		var last uint64
		for {
			s := g.r.Stats()
			if s.Packets < last {
				t.Errorf("%d packets after %d", s.Packets, last)
			}
			last = s.Packets
			sps, pps := g.r.ParameterSets()
			if (sps == nil) != (pps == nil) && s.KeyFrames > 0 {
				t.Error("one parameter set without the other")
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 200 {
		g.sendAll(key(3000), delta(1, 100))
		g.seq++
		g.send(delta(3, 100))
	}
	close(stop)
	wg.Wait()
	if s := g.r.Stats(); s.KeyFrames != 200 || s.LostPackets != 200 {
		t.Errorf("stats: %+v", s)
	}
}

// A unit of which start codes across fragments leave only the header is none.
func TestNothingButZeros(t *testing.T) {
	for header := range 32 {
		g := newRig(t, VideoConfig{SEI: SEIPass})
		g.send(key(100))
		g.frame()
		d := delta(1, 100)[0]
		g.push(false, 0x7c, byte(header)|fuStart, 0, 0)
		g.push(true, append([]byte{0x7c, byte(header) | fuEnd, 1}, d...)...)
		got := g.closed()
		if err := sameUnits(got[len(got)-1], pic(d)); err != nil {
			t.Errorf("type %d: %v", header, err)
		}
	}
}

// Neither an absence of the camera nor a lost key frame counts as its interval.
func TestKeyFrameInterval(t *testing.T) {
	g := newRig(t, VideoConfig{})
	interval := func(want time.Duration) {
		t.Helper()
		if got := g.r.Stats().KeyFrameInterval; got != want {
			t.Errorf("interval %v, want %v", got, want)
		}
	}
	g.send(key(100))
	interval(0)
	g.sendAll(delta(1, 50), key(100))
	interval(80 * time.Millisecond)
	g.r.Restart()
	g.now = g.now.Add(time.Minute)
	g.send(key(100))
	interval(80 * time.Millisecond)
	g.sendAll(delta(1, 50), delta(2, 50), key(100))
	interval(120 * time.Millisecond)
	g.frame()
	k := key(3000)
	g.push(false, k[0]...)
	g.push(false, k[1]...)
	g.push(false, fragments(k[2], 1000)[0]...)
	g.seq++
	g.sendAll(delta(1, 50), key(100))
	interval(120 * time.Millisecond)
	g.sendAll(delta(1, 50), key(100))
	interval(80 * time.Millisecond)
}
