package repack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

// opusSound is a frame with what a decoder needs to know of it.
type opusSound struct {
	config byte // and stereo: the TOC byte's upper six bits
	data   string
}

// opusSounds takes a packet apart as RFC 6716's section 3.2 has it, in the way of a
// reader rather than of a program in a hurry. A packet that cannot be read is nil.
func opusSounds(b []byte) (out []opusSound) {
	if len(b) == 0 {
		return nil
	}
	config, code, b := b[0]>>2, b[0]&3, b[1:]
	count, vbr := []int{1, 2, 2, 0}[code], code == 2
	if code == 3 {
		if len(b) == 0 {
			return nil
		}
		head := b[0]
		b = b[1:]
		count, vbr = int(head%64), head >= 128
		if head/64%2 == 1 {
			padding := 0
			for more := true; more; {
				if len(b) == 0 {
					return nil
				}
				if more = b[0] == 255; more {
					padding += 254
				} else {
					padding += int(b[0])
				}
				b = b[1:]
			}
			if padding > len(b) {
				return nil
			}
			b = b[:len(b)-padding]
		}
	}
	ms := []float64{10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 10, 20,
		2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20}[config/2]
	if count == 0 || float64(count)*ms > 120 {
		return nil
	}
	var sizes []int
	for range count - 1 {
		switch {
		case !vbr:
			if len(b)%count != 0 {
				return nil
			}
			sizes = append(sizes, len(b)/count)
		case len(b) > 0 && b[0] < 252:
			sizes, b = append(sizes, int(b[0])), b[1:]
		case len(b) > 1:
			sizes, b = append(sizes, int(b[0])+4*int(b[1])), b[2:]
		default:
			return nil
		}
	}
	for _, n := range sizes {
		if n > len(b) {
			return nil
		}
		out, b = append(out, opusSound{config, string(b[:n])}), b[n:]
	}
	out = append(out, opusSound{config, string(b)})
	for _, s := range out {
		if len(s.data) > 1275 {
			return nil
		}
	}
	return out
}

// opusBytes makes a packet of frames, in the given code or, where that cannot be,
// in one that can. It pads if it is told to.
func opusBytes(config byte, code byte, pad int, frames ...[]byte) []byte {
	equal := true
	for _, f := range frames {
		equal = equal && len(f) == len(frames[0])
	}
	toc := config << 2
	size := func(out []byte, n int) []byte {
		if n < 252 {
			return append(out, byte(n))
		}
		return append(out, byte(252+n%4), byte((n-252-n%4)/4))
	}
	switch {
	case code == 0 && len(frames) == 1, code == 1 && len(frames) == 2 && equal:
		return append([]byte{toc | code}, bytes.Join(frames, nil)...)
	case code == 2 && len(frames) == 2:
		return append(size([]byte{toc | 2}, len(frames[0])), bytes.Join(frames, nil)...)
	}
	head := byte(len(frames))
	if !equal {
		head |= 0x80
	}
	out := []byte{toc | 3, head}
	if pad > 0 {
		out[1] |= 0x40
		n := pad
		for ; n >= 255; n -= 254 {
			out = append(out, 255)
		}
		out = append(out, byte(n))
	}
	if !equal {
		for _, f := range frames[:len(frames)-1] {
			out = size(out, len(f))
		}
	}
	return append(append(out, bytes.Join(frames, nil)...), make([]byte, pad)...)
}

// opusPusher pushes packets one right after the other and keeps what comes out.
type opusPusher struct {
	t   testing.TB
	o   *Opus
	seq uint16
	ts  uint32
	at  time.Time
	out []rtp.Packet
}

func newOpusPusher(t testing.TB) *opusPusher {
	return &opusPusher{t: t, o: NewOpus(NewLine(48000)), ts: 77777, at: testStart}
}

func (p *opusPusher) push(b []byte) {
	p.t.Helper()
	pkt := rtp.Packet{Header: rtp.Header{SequenceNumber: p.seq, Timestamp: p.ts}, Payload: b}
	if err := p.o.Push(&pkt, p.at, p); err != nil {
		p.t.Fatal(err)
	}
	p.seq++
	p.ts += opusDuration(b)
}

func (p *opusPusher) WriteRTP(h *rtp.Header, b []byte) error {
	p.out = append(p.out, rtp.Packet{Header: h.Clone(), Payload: bytes.Clone(b)})
	return nil
}

// sounds are all frames that went out. Each packet's timestamp must be where the one
// before ended.
func (p *opusPusher) sounds() (out []opusSound) {
	p.t.Helper()
	for i, pkt := range p.out {
		s := opusSounds(pkt.Payload)
		if s == nil {
			p.t.Fatalf("packet %d cannot be read: %x", i, pkt.Payload)
		}
		out = append(out, s...)
		if i+1 < len(p.out) && p.out[i+1].Timestamp-pkt.Timestamp != opusDuration(pkt.Payload) {
			p.t.Errorf("packet %d lasts for %d, the next one comes after %d", i,
				opusDuration(pkt.Payload), p.out[i+1].Timestamp-pkt.Timestamp)
		}
	}
	return out
}

func frameOf(size int, fill byte) []byte { return bytes.Repeat([]byte{fill}, size) }

func TestOpusTo20ms(t *testing.T) {
	const (
		silk10, silk20, silk40, silk60 = 0 << 1, 1 << 1, 2 << 1, 3 << 1
		celt2, celt5, celt10, celt20   = 28 << 1, 29 << 1, 30 << 1, 31 << 1
	)
	a, b, c := frameOf(50, 1), frameOf(50, 2), frameOf(300, 3)
	for _, tt := range []struct {
		name string
		in   [][]byte
		want [][]byte
	}{
		{"20 ms", [][]byte{opusBytes(celt20, 0, 0, a), opusBytes(silk20, 0, 0, b)}, [][]byte{opusBytes(celt20, 0, 0, a), opusBytes(silk20, 0, 0, b)}},
		{"20 ms of two frames", [][]byte{opusBytes(celt10, 2, 0, a, c)}, [][]byte{opusBytes(celt10, 2, 0, a, c)}},
		{"20 ms with padding", [][]byte{opusBytes(celt20, 3, 300, a)}, [][]byte{opusBytes(celt20, 3, 300, a)}},
		{"10 ms", [][]byte{opusBytes(celt10, 0, 0, a), opusBytes(celt10, 0, 0, b), opusBytes(celt10, 0, 0, a), opusBytes(celt10, 0, 0, c)},
			[][]byte{opusBytes(celt10, 1, 0, a, b), opusBytes(celt10, 2, 0, a, c)}},
		{"10 ms, the longer first", [][]byte{opusBytes(celt10, 0, 0, c), opusBytes(celt10, 0, 0, a)}, [][]byte{opusBytes(celt10, 2, 0, c, a)}},
		{"5 ms", [][]byte{opusBytes(celt5, 0, 0, a), opusBytes(celt5, 0, 0, b), opusBytes(celt5, 0, 0, a), opusBytes(celt5, 0, 0, b)},
			[][]byte{opusBytes(celt5, 3, 0, a, b, a, b)}},
		{"2.5 ms", slices.Repeat([][]byte{opusBytes(celt2, 0, 0, a)}, 8), [][]byte{opusBytes(celt2, 3, 0, slices.Repeat([][]byte{a}, 8)...)}},
		{"2.5 ms in pairs of two sizes", slices.Repeat([][]byte{opusBytes(celt2, 2, 0, c, a)}, 4),
			[][]byte{opusBytes(celt2, 3, 0, c, a, c, a, c, a)}},
		{"2.5 ms, too large for one packet", slices.Repeat([][]byte{opusBytes(celt2, 0, 0, c)}, 4), [][]byte{opusBytes(celt2, 3, 0, c, c, c)}},
		{"40 ms of two", [][]byte{opusBytes(silk20, 1, 0, a, b)}, [][]byte{opusBytes(silk20, 0, 0, a), opusBytes(silk20, 0, 0, b)}},
		{"60 ms of six, padded", [][]byte{opusBytes(silk10, 3, 9, a, b, c, a, b, c)},
			[][]byte{opusBytes(silk10, 1, 0, a, b), opusBytes(silk10, 2, 0, c, a), opusBytes(silk10, 2, 0, b, c)}},
		{"30 ms", [][]byte{opusBytes(silk10, 3, 0, a, b, c), opusBytes(silk10, 3, 0, a, b, c)},
			[][]byte{opusBytes(silk10, 1, 0, a, b), opusBytes(silk10, 2, 0, c, a), opusBytes(silk10, 2, 0, b, c)}},
		{"one frame of 40 or 60 ms", [][]byte{opusBytes(silk40, 0, 0, a), opusBytes(silk60, 0, 0, c)}, [][]byte{opusBytes(silk40, 0, 0, a), opusBytes(silk60, 0, 0, c)}},
		{"120 ms of two frames of 60", [][]byte{opusBytes(silk60, 2, 0, a, c)}, [][]byte{opusBytes(silk60, 0, 0, a), opusBytes(silk60, 0, 0, c)}},
		{"another configuration", [][]byte{opusBytes(celt10, 0, 0, a), opusBytes(silk10, 0, 0, b), opusBytes(silk10, 0, 0, a), opusBytes(celt20, 0, 0, c)},
			[][]byte{opusBytes(celt10, 0, 0, a), opusBytes(silk10, 1, 0, b, a), opusBytes(celt20, 0, 0, c)}},
		{"frames without sound", [][]byte{opusBytes(silk20, 3, 0, nil, a, nil)}, [][]byte{opusBytes(silk20, 0, 0, nil), opusBytes(silk20, 0, 0, a), opusBytes(silk20, 0, 0, nil)}},
		{"larger than a packet may be", [][]byte{opusBytes(silk20, 1, 0, frameOf(1000, 1), frameOf(1000, 2))},
			[][]byte{opusBytes(silk20, 0, 0, frameOf(1000, 1)), opusBytes(silk20, 0, 0, frameOf(1000, 2))}},
		{"no valid packet", [][]byte{opusBytes(celt10, 0, 0, a), {celt10<<2 | 1, 1, 2, 3}}, [][]byte{opusBytes(celt10, 0, 0, a), {celt10<<2 | 1, 1, 2, 3}}},
		{"the last waits", [][]byte{opusBytes(celt10, 0, 0, a)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newOpusPusher(t)
			for _, b := range tt.in {
				p.push(b)
			}
			var got [][]byte
			for _, pkt := range p.out {
				got = append(got, pkt.Payload)
			}
			if !slices.EqualFunc(got, tt.want, bytes.Equal) {
				t.Errorf("got  %x\nwant %x", got, tt.want)
			}
		})
	}
}

// What is kept goes out before a gap, and not into another session.
func TestOpusGaps(t *testing.T) {
	ten := opusBytes(30<<1, 0, 0, frameOf(20, 1))
	p := newOpusPusher(t)
	p.push(ten)
	p.ts += 48000 // DTX
	p.push(ten)
	p.push(ten)
	if len(p.out) != 2 || !bytes.Equal(p.out[0].Payload, ten) || p.out[1].Timestamp-p.out[0].Timestamp != 48480 {
		t.Errorf("after a gap: %d packets", len(p.out))
	}
	p.push(ten)
	p.o.Restart()
	p.ts = 5
	p.push(ten)
	p.push(ten)
	if len(p.out) != 3 {
		t.Errorf("after a restart: %d packets", len(p.out))
	}
	p.push(ten)
	p.seq, p.ts = p.seq+1, p.ts+480 // one is lost
	p.push(ten)
	p.push(ten)
	if len(p.out) != 5 || p.out[4].Timestamp-p.out[3].Timestamp != 960 {
		t.Errorf("after a loss: %d packets", len(p.out))
	}
}

// Whatever a camera makes of a sound, the same frames arrive in the same order, in
// packets of 20 ms wherever the frames allow that.
func TestOpusSameFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p := newOpusPusher(t)
		var want []opusSound
		config := byte(r.UintN(64))
		most := int(opusMostTicks / opusFrame(config<<2))
		for range 1 + r.IntN(20) {
			var frames [][]byte
			for range 1 + r.IntN(most) {
				frames = append(frames, frameOf(r.IntN([]int{2, 100, 400}[r.IntN(3)]), byte(r.UintN(256))))
			}
			b := opusBytes(config, byte(r.UintN(4)), r.IntN(2)*r.IntN(600), frames...)
			if len(b) > 6000 {
				continue
			}
			p.push(b)
			want = append(want, opusSounds(b)...)
		}
		got := p.sounds()
		kept := len(want) - len(got)
		if kept < 0 || uint32(kept)*opusFrame(config<<2) >= opusPiece || !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("configuration %d: %d frames went in, %d came out", config/2, len(want), len(got))
		}
		for i, pkt := range p.out {
			d := opusDuration(pkt.Payload)
			full := d == opusPiece || d > opusPiece && len(opusSounds(pkt.Payload)) == 1
			tight := len(pkt.Payload)+500 > maxAudioPayload
			if next := i+1 < len(p.out) && len(p.out[i+1].Payload)+len(pkt.Payload) > maxAudioPayload-40; !full && !tight && !next {
				t.Fatalf("packet %d of %d lasts for %d", i, len(p.out), d)
			}
		}
	}
}

// A clip of 20 ms packets, put together in twos and more, comes apart again into the
// very same packets.
func TestOpusClip(t *testing.T) {
	s, err := testdata.Audio("opus")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 3, 6} {
		t.Run(fmt.Sprint(n*20, " ms"), func(t *testing.T) {
			p := newOpusPusher(t)
			for rest := s.Packets; len(rest) > 0; {
				toc := rest[0][0]
				if toc&3 != 0 {
					t.Fatalf("a packet of %d frames in the clip", toc&3+1)
				}
				var frames [][]byte // as far as the clip keeps its configuration
				for len(rest) > 0 && len(frames) < n && rest[0][0] == toc {
					frames, rest = append(frames, rest[0][1:]), rest[1:]
				}
				p.push(opusBytes(toc>>2, 0, 0, frames...))
			}
			if len(p.out) != len(s.Packets) {
				t.Fatalf("%d packets of %d", len(p.out), len(s.Packets))
			}
			for i, pkt := range p.out {
				if !bytes.Equal(pkt.Payload, s.Packets[i]) || pkt.Timestamp-p.out[0].Timestamp != uint32(i)*opusPiece {
					t.Fatalf("packet %d is another one, at %d", i, pkt.Timestamp-p.out[0].Timestamp)
				}
			}
		})
	}
}

// Whatever comes in, valid packets' frames come out, all of them and in order, but for
// those that are too large for any packet and the last ones, which wait.
func FuzzOpus(f *testing.F) {
	f.Add(opusBytes(60, 0, 0, frameOf(9, 1)), opusBytes(60, 2, 0, frameOf(9, 1), frameOf(300, 2)), byte(3))
	f.Add(opusBytes(56, 3, 300, frameOf(9, 1), frameOf(0, 1), frameOf(299, 3)), opusBytes(2, 1, 0, frameOf(9, 1), frameOf(9, 2)), byte(9))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 3}, []byte{0xf1, 1}, byte(1))
	f.Fuzz(func(t *testing.T, one, two []byte, times byte) {
		p := newOpusPusher(t)
		var want []opusSound
		for i := range int(times%16) + 2 {
			b := one
			if i%2 == 1 {
				b = two
			}
			if len(b) == 0 {
				continue
			}
			sounds := opusSounds(b)
			var in opusPacket
			if in.parse(b) != (sounds != nil) {
				t.Fatalf("%x: valid is %v", b, sounds == nil)
			}
			if sounds == nil {
				sounds = []opusSound{{data: string(b)}}
			}
			want = append(want, sounds...)
			p.push(b)
		}
		var got []opusSound
		for i, pkt := range p.out {
			if len(pkt.Payload) > maxAudioPayload {
				t.Fatalf("packet %d has %d bytes", i, len(pkt.Payload))
			}
			if sounds := opusSounds(pkt.Payload); sounds != nil {
				got = append(got, sounds...)
			} else {
				got = append(got, opusSound{data: string(pkt.Payload)})
			}
		}
		for _, s := range got {
			i := slices.Index(want, s)
			if i < 0 {
				t.Fatalf("a frame of %d bytes comes from nowhere", len(s.data))
			}
			for _, left := range want[:i] {
				if len(left.data) < maxAudioPayload {
					t.Fatalf("a frame of %d bytes was left out", len(left.data))
				}
			}
			want = want[i+1:]
		}
	})
}
