package repack

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// script turns arbitrary bytes into packets: five bytes say how a packet
// follows the one before and how long it is, then comes its payload.
type script []byte

const (
	scriptRestart = 1 << iota
	scriptSets
	scriptMarker
	scriptSameTime
	scriptJump
	scriptSSRC
)

func (s *script) next() (flags, seq, ts byte, payload []byte, ok bool) {
	b := *s
	if len(b) < 5 {
		return 0, 0, 0, nil, false
	}
	n := min(int(b[3])<<8|int(b[4]), len(b)-5)
	flags, seq, ts, payload = b[0], b[1], b[2], b[5:5+n]
	*s = b[5+n:]
	return flags, seq, ts, payload, true
}

func (s *script) add(flags, seq, ts byte, payload []byte) {
	*s = append(append(*s, flags, seq, ts, byte(len(payload)>>8), byte(len(payload))), payload...)
}

func scriptOf(payloads ...[]byte) []byte {
	s := script{0}
	for i, p := range payloads {
		flags := byte(scriptSameTime)
		if i == 0 {
			flags = 0
		}
		if i == len(payloads)-1 {
			flags |= scriptMarker
		}
		s.add(flags, 0, 40, p)
	}
	return s
}

// Whatever comes in, what goes out is valid: packets of mode 1, none too large,
// sequence numbers without gap, timestamps that never go back.
func FuzzH264(f *testing.F) {
	k := key(300)
	f.Add(scriptOf(k...))
	f.Add(scriptOf(append([][]byte{stapA(k[:2]...)}, fragments(k[2], 70)...)...))
	f.Add(scriptOf(fragments(append(bytes.Clone(k[0]), append([]byte{0, 0, 0, 1}, k[2]...)...), 99)...))
	f.Add(scriptOf(stapA(k[0], stapA(k[1]), k[2][:9]), []byte{0x79, 0, 0, 0, 1, 1}, []byte{0, 0, 1, 0x61, 0x9a}))
	f.Fuzz(func(t *testing.T, in []byte) { fuzzVideo(t, in, newRig) })
}

// The same of H.265.
func FuzzH265(f *testing.F) {
	v := clip265(f)
	k := key265(v, 19)
	f.Add(scriptOf(k...))
	f.Add(scriptOf(append([][]byte{ap(k[:3]...)}, fragments265(k[3], 700)...)...))
	f.Add(scriptOf(fragments265(bytes.Join(k, []byte{0, 0, 0, 1}), 99)...))
	f.Add(scriptOf(ap(k[0], ap(k[1]), k[2][:6]), []byte{50 << 1, 1, 0, 0, 0, 1, 1}, []byte{0, 0, 1, 2, 1, 0x9a}))
	f.Add(scriptOf(append(k, slice265(9, true, sliceB265, 40), slice265(0, true, sliceP265, 40), slice265(0, false, 0, 40))...))
	f.Fuzz(func(t *testing.T, in []byte) { fuzzVideo(t, in, newRig265) })
}

func fuzzVideo(t *testing.T, in []byte, rigOf func(testing.TB, VideoConfig) *rig) {
	if len(in) == 0 {
		return
	}
	g := rigOf(t, VideoConfig{
		MaxPacketSize: 76 + 16*int(in[0]>>4)*int(in[0]>>4), DropBFrames: in[0]>>2&1 == 1,
		SEI: SEI(in[0] & 1), OnLoss: OnLoss(in[0] >> 1 & 1),
	})
	s := script(in[1:])
	var ssrc uint32
	for {
		flags, seq, ts, payload, ok := s.next()
		if !ok {
			break
		}
		if flags&scriptRestart != 0 && seq == 0 {
			g.r.Restart()
		}
		if flags&scriptSets != 0 {
			g.r.SetParameterSets(payload)
			g.check.forget()
		}
		if flags&scriptSSRC != 0 {
			ssrc++
		}
		g.advance(flags, ts)
		g.seq += uint16(int8(seq)>>5) + 1 // mostly the next one
		g.give(&rtp.Packet{Header: rtp.Header{SSRC: ssrc, SequenceNumber: g.seq, Timestamp: g.ts, Marker: flags&scriptMarker != 0}, Payload: payload})
		if s := g.r.Stats(); s.Packets != uint64(len(g.out)) || s.FPS < 0 {
			t.Fatalf("%d packets: %+v", len(g.out), s)
		}
	}
	g.units()
}

func (g *rig) advance(flags, ts byte) {
	if flags&scriptSameTime != 0 {
		return
	}
	step := int32(int8(ts)) * 100
	if flags&scriptJump != 0 {
		step <<= 16
	}
	g.ts += uint32(step)
	g.now = g.now.Add(time.Duration(ts) * time.Millisecond)
}

func FuzzParseSPS(f *testing.F) {
	f.Add(testSPS)
	f.Add(makeSPS(spsSpec{profile: 77, interlaced: true}))
	f.Add([]byte{0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseSPS(b)
		if err == nil && (v.Width < 1 || v.Height < 1 || len(v.ProfileLevelID) != 6 || v.FPS < 0 || v.FPS > 1000) {
			t.Errorf("%+v", v)
		}
	})
}

// Whatever comes in, audio goes out in packets of 20 ms or what was left before a
// gap, and Opus in packets that FuzzOpus looks into, on a line that only goes forward.
func FuzzAudio(f *testing.F) {
	f.Add(scriptOf(make([]byte, 160), make([]byte, 1400), []byte{0x7b, 0x83}))
	f.Add(scriptOf(make([]byte, 80), make([]byte, 240), make([]byte, 1), make([]byte, 79)))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, a := range []audioPusher{NewG711(true, NewLine(8000)), NewG722(NewLine(8000)), NewOpus(NewLine(48000))} {
			_, opus := a.(*Opus)
			g := newRig(t, VideoConfig{})
			check := audioChecker{opus: opus}
			s := script(in)
			for {
				flags, seq, ts, payload, ok := s.next()
				if !ok {
					break
				}
				if flags&scriptRestart != 0 {
					a.Restart()
				}
				g.advance(flags, ts)
				g.seq += uint16(int8(seq)>>5) + 1
				p := rtp.Packet{Header: rtp.Header{SequenceNumber: g.seq, Timestamp: g.ts}, Payload: payload}
				check.taken += len(payload)
				if err := a.Push(&p, g.now, &check); err != nil {
					t.Fatalf("packet %d: %v", check.packets, err)
				}
			}
			if s := a.Stats(); s.Packets != uint64(check.packets) || !opus && check.sent > check.taken {
				t.Fatalf("%d packets, %d of %d bytes: %+v", check.packets, check.sent, check.taken, s)
			}
		}
	})
}

// Parameter sets of H.265, as they come and again: the second time changes nothing.
func FuzzSets265(f *testing.F) {
	for _, u := range clip265(f).ParameterSets {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &hevc{}
		if len(b) < 3 || c.class(headerOf(b)).kind != kindSet {
			return
		}
		c.store(b, inBand)
		if c.store(b, inBand) {
			t.Error("the same set is another one")
		}
		list, complete := c.all()
		if len(list) > 1 || complete {
			t.Errorf("%d sets of one", len(list))
		}
		v := c.lastInfo
		if v.ProfileLevelID != "" && (v.Width < 1 || v.Height < 1 || len(v.ProfileLevelID) != 6 || v.FPS < 0 || v.FPS > 1000) {
			t.Errorf("%+v", v)
		}
	})
}
