package repack

import (
	"bytes"
	"fmt"
	"testing"
)

func TestParameterSets(t *testing.T) {
	idr := makeSlice(sliceSpec{idr: true, typ: 7, size: 100})
	idr1 := makeSlice(sliceSpec{idr: true, typ: 7, pps: 1, size: 100})
	d := makeSlice(sliceSpec{typ: 5, frameNum: 1, size: 100})
	sps2 := makeSPS(spsSpec{widthMBs: 20})
	spsID1 := makeSPS(spsSpec{id: 1, widthMBs: 10})
	pps1, pps1b := makePPS(1, 0, 0), makePPS(1, 1, 0)
	type au = [][]byte
	for _, tt := range []struct {
		name string
		sdp  [][]byte
		in   []au
		want []au
	}{
		{"in band", nil, []au{{testSPS, testPPS, idr}}, []au{{testSPS, testPPS, idr}}},
		{"in band once", nil, []au{{testSPS, testPPS, idr}, {d}, {idr}},
			[]au{{testSPS, testPPS, idr}, {d}, {testSPS, testPPS, idr}}},
		{"in the SDP", [][]byte{testSPS, testPPS}, []au{{idr}, {d}, {idr}},
			[]au{{testSPS, testPPS, idr}, {d}, {testSPS, testPPS, idr}}},
		{"in one piece of Annex B in the SDP", [][]byte{append(append(append([]byte{0, 0, 0, 1}, testSPS...), 0, 0, 0, 1), testPPS...)},
			[]au{{idr}}, []au{{testSPS, testPPS, idr}}},
		{"junk in the SDP", [][]byte{nil, {0x67}, {1, 2, 3}, {0x68, 0}, testSPS, testPPS}, []au{{idr}}, []au{{testSPS, testPPS, idr}}},
		{"in band wins", [][]byte{sps2, testPPS}, []au{{testSPS, idr}, {idr}}, []au{{testSPS, testPPS, idr}, {testSPS, testPPS, idr}}},
		{"in band wins over another id", [][]byte{spsID1, pps1b}, []au{{testSPS, testPPS, idr}}, []au{{testSPS, testPPS, idr}}},
		{"another id of the SDP is in use", [][]byte{spsID1, pps1b}, []au{{testSPS, testPPS, idr}, {idr1}},
			[]au{{testSPS, testPPS, idr}, {testSPS, spsID1, testPPS, pps1b, idr1}}},
		{"on non-key frames", nil, []au{{testSPS, testPPS, idr}, {testSPS, testPPS, d}}, []au{{testSPS, testPPS, idr}, {d}}},
		{"between slices", nil, []au{{testSPS, testPPS, idr}, {d, testSPS, testPPS, d}}, []au{{testSPS, testPPS, idr}, {d, d}}},
		{"changed", nil, []au{{testSPS, testPPS, idr}, {sps2, testPPS, idr}}, []au{{testSPS, testPPS, idr}, {sps2, testPPS, idr}}},
		{"several ids", nil, []au{{testSPS, testPPS, pps1, idr}, {idr1}},
			[]au{{testSPS, testPPS, pps1, idr}, {testSPS, testPPS, pps1, idr1}}},
		{"trailing zeros", nil, []au{{append(bytes.Clone(testSPS), 0, 0), testPPS, idr}}, []au{{testSPS, testPPS, idr}}},
		{"impossible ids", nil, []au{{testSPS, testPPS, makeSPS(spsSpec{id: 32}), makePPS(256, 0, 0), makePPS(2, 32, 0), idr}},
			[]au{{testSPS, testPPS, idr}}},
		{"none", nil, []au{{idr}}, []au{{idr}}},
		{"several slices", nil, []au{{testSPS, testPPS, idr, idr, idr}}, []au{{testSPS, testPPS, idr, idr, idr}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, VideoConfig{})
			g.r.SetParameterSets(tt.sdp...)
			for _, nalus := range tt.in {
				g.send(nalus)
			}
			g.want(tt.want...)
			for i, p := range g.out {
				if n := p.Payload[0] & typeMask; n == nalSPS || n == nalPPS {
					t.Errorf("packet %d is a lone parameter set", i)
				}
			}
		})
	}
}

// Sets that come in fragments are put together.
func TestParameterSetsInFragments(t *testing.T) {
	k := key(100)
	g := newRig(t, VideoConfig{})
	g.frame()
	for _, n := range k[:2] {
		for _, b := range fragments(n, 2) {
			g.push(false, b...)
		}
	}
	g.push(true, k[2]...)
	g.want(k)
}

// Another timestamp than the key frame's does not matter: sets are sent with
// the key frame's.
func TestParameterSetsWithOwnTimestamp(t *testing.T) {
	k := key(100)
	g := newRig(t, VideoConfig{})
	g.send(k[:1])
	g.send(k[1:2])
	g.send(k[2:])
	g.want(k)
}

func TestLargeParameterSets(t *testing.T) {
	idr := makeSlice(sliceSpec{idr: true, typ: 7, size: 100})
	many := [][]byte{testSPS}
	for i := range uint32(40) {
		many = append(many, makePPS(i, 0, 50))
	}
	for _, tt := range []struct {
		name    string
		sets    [][]byte
		packets int
		problem bool
	}{
		{"just fit", [][]byte{testSPS, makePPS(0, 0, 1188-1-4-len(testSPS)-len(testPPS))}, 1, false},
		{"one byte more", [][]byte{testSPS, makePPS(0, 0, 1188-4-len(testSPS)-len(testPPS))}, 2, true},
		{"fill one packet each", [][]byte{makeSPS(spsSpec{pad: 1188 - len(testSPS)}), makePPS(0, 0, 1188-len(testPPS))}, 2, true},
		{"larger than a packet", [][]byte{makeSPS(spsSpec{pad: 1189 - len(testSPS)}), testPPS}, 3, true},
		{"many", many, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, VideoConfig{})
			g.send(append(append([][]byte{}, tt.sets...), idr))
			g.want(append(append([][]byte{}, tt.sets...), idr))
			if n := len(g.out) - 1; n != tt.packets {
				t.Errorf("%d packets of sets, want %d", n, tt.packets)
			}
			if s := g.r.Stats(); (s.Problem != "") != tt.problem || s.NeedKeyFrame {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// After a restart the old session's sets serve only until there are others.
func TestParameterSetsAfterRestart(t *testing.T) {
	idr := makeSlice(sliceSpec{idr: true, typ: 7, size: 100})
	sps2 := makeSPS(spsSpec{widthMBs: 20})
	for _, tt := range []struct {
		name string
		sdp  [][]byte
		want []byte
	}{
		{"no SDP", nil, testSPS},
		{"another SDP", [][]byte{sps2, testPPS}, sps2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newRig(t, VideoConfig{})
			g.send([][]byte{testSPS, testPPS, idr})
			g.r.Restart()
			g.r.SetParameterSets(tt.sdp...)
			g.send([][]byte{idr})
			g.want([][]byte{testSPS, testPPS, idr}, [][]byte{tt.want, testPPS, idr})
		})
	}
}

// What the old session used is no reason to send it in the new one.
func TestParameterSetsInUseAfterRestart(t *testing.T) {
	idr := makeSlice(sliceSpec{idr: true, typ: 7, size: 100})
	idr1 := makeSlice(sliceSpec{idr: true, typ: 7, pps: 1, size: 100})
	pps1 := makePPS(1, 0, 0)
	g := newRig(t, VideoConfig{})
	g.send([][]byte{testSPS, pps1, idr1})
	g.r.Restart()
	g.send([][]byte{testSPS, testPPS, idr})
	g.want([][]byte{testSPS, pps1, idr1}, [][]byte{testSPS, testPPS, idr})
}

// The SDP's sets do not displace those of the stream, whenever they come.
func TestParameterSetsFromSDPLater(t *testing.T) {
	k := key(100)
	g := newRig(t, VideoConfig{})
	g.send(k)
	g.r.SetParameterSets(makeSPS(spsSpec{widthMBs: 20}), makePPS(0, 0, 3))
	g.send(k[2:])
	g.want(k, k)
	if s := g.r.Stats(); s.Width != 640 {
		t.Errorf("width %d", s.Width)
	}
}

func TestParseSPS(t *testing.T) {
	for _, tt := range []struct {
		spec spsSpec
		want string
	}{
		{spsSpec{}, "640x480 42c01e false false"},
		{spsSpec{profile: 77, widthMBs: 120}, "1920x480 4dc01e false true"},
		{spsSpec{profile: 77, interlaced: true}, "640x960 4dc01e true true"},
		{spsSpec{profile: 77, pocType: 2}, "640x480 4dc01e false false"},
	} {
		v, err := ParseSPS(makeSPS(tt.spec))
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%dx%d %s %v %v", v.Width, v.Height, v.ProfileLevelID, v.Interlaced, v.Reordering)
		if got != tt.want {
			t.Errorf("%+v: got %s, want %s", tt.spec, got, tt.want)
		}
	}
	for _, bad := range [][]byte{nil, {0x67}, {0x67, 66, 0xc0}, {0x68, 1, 2, 3, 4, 5}, testSPS[:6]} {
		if v, err := ParseSPS(bad); err == nil {
			t.Errorf("%x: got %+v", bad, v)
		}
	}
}
