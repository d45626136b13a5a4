//go:build !race

package repack

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// loop is a camera's stream to be pushed again and again.
type loop struct {
	packets []rtp.Packet
	period  uint32
	seq     uint16
	ts      uint32
	at      time.Time
	bytes   int
	packet  rtp.Packet // the one in hand
}

func newLoop(aus [][][]byte, packetize func([][]byte) [][]byte, marked bool) *loop {
	l := &loop{at: testStart}
	for i, au := range aus {
		payloads := packetize(au)
		for j, b := range payloads {
			l.packets = append(l.packets, rtp.Packet{
				Header:  rtp.Header{Version: 2, Timestamp: uint32(i) * 3600, Marker: marked && j == len(payloads)-1},
				Payload: b,
			})
			l.bytes += len(b)
		}
	}
	l.period = uint32(len(aus)) * 3600
	return l
}

// push pushes the stream once.
func (l *loop) push(r interface {
	Push(*rtp.Packet, time.Time, Writer) error
}, w Writer) error {
	for i := range l.packets {
		l.packet = l.packets[i]
		l.packet.SequenceNumber = l.seq
		l.packet.Timestamp += l.ts
		l.seq++
		if err := r.Push(&l.packet, l.at, w); err != nil {
			return err
		}
		l.at = l.at.Add(time.Millisecond)
	}
	l.ts += l.period
	return nil
}

func loops() map[string]*loop {
	c, four := madeClip("", 1).aus, madeClip("", 4).aus
	ways := packetizers()
	return map[string]*loop{
		"fragments of 1400": newLoop(c, ways["fragments of 1400"], true),
		"fragments of 1186": newLoop(c, ways["fragments of 1186"], true),
		"tiny fragments":    newLoop(c[:1], ways["fragments of 3"], true),
		"64 kB":             newLoop(c, ways["single, up to 64 kB"], true),
		"aggregates":        newLoop(four[1:8], ways["STAP-A with all"], true),
		"Annex B":           newLoop(c, ways["Annex B in 64 kB fragments"], true),
		"no markers":        newLoop(four, ways["fragments of 1400"], false),
	}
}

func TestNoAllocations(t *testing.T) {
	for name, l := range loops() {
		t.Run(name, func(t *testing.T) {
			for _, cfg := range []VideoConfig{{}, {SEI: SEIPass, OnLoss: PassDamaged}} {
				r := NewH264(cfg, NewLine(90000))
				var w discard
				if n := testing.AllocsPerRun(10, func() {
					if err := l.push(r, &w); err != nil {
						t.Fatal(err)
					}
				}); n != 0 {
					t.Errorf("%v allocations for %d packets", n, len(l.packets))
				}
				if w.packets == 0 {
					t.Error("nothing was sent")
				}
				l.seq += 5 // the next round begins with a loss of everything
			}
		})
	}
}

func TestNoAllocationsH265(t *testing.T) {
	v := clip265(t)
	for name, packetize := range packetizers265() {
		l := newLoop(v.AccessUnits, packetize, true)
		r := NewH265(VideoConfig{}, NewLine(90000))
		var w discard
		if n := testing.AllocsPerRun(3, func() {
			if err := l.push(r, &w); err != nil {
				t.Fatal(err)
			}
		}); n != 0 || w.packets == 0 {
			t.Errorf("%s: %v allocations for %d packets, %d sent", name, n, len(l.packets), w.packets)
		}
	}
}

func TestNoAllocationsAudio(t *testing.T) {
	for name, a := range map[string]audioPusher{
		"G.711": NewG711(true, NewLine(8000)), "G.722": NewG722(NewLine(8000)), "Opus": NewOpus(NewLine(48000)),
	} {
		var w discard
		p := rtp.Packet{Payload: make([]byte, 1000)}
		if n := testing.AllocsPerRun(1000, func() {
			p.SequenceNumber++
			p.Timestamp += 1000
			if err := a.Push(&p, testStart, &w); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a packet", name, n)
		}
	}
}

// One operation is one incoming packet.
func BenchmarkH264(b *testing.B) {
	for name, l := range loops() {
		b.Run(name, func(b *testing.B) {
			r := NewH264(VideoConfig{}, NewLine(90000))
			var w discard
			b.ReportAllocs()
			b.SetBytes(int64(l.bytes / len(l.packets)))
			for n := 0; n < b.N; n += len(l.packets) {
				if err := l.push(r, &w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkG711(b *testing.B) {
	g := NewG711(true, NewLine(8000))
	var w discard
	p := rtp.Packet{Payload: make([]byte, 160)}
	b.ReportAllocs()
	for range b.N {
		p.SequenceNumber++
		p.Timestamp += 160
		if err := g.Push(&p, testStart, &w); err != nil {
			b.Fatal(err)
		}
	}
}
