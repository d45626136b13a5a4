package repack

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

type audioPacket struct {
	skip    uint16 // packets lost before this one
	ts      uint32
	size    int
	again   bool // push it twice
	restart bool
}

type audioPusher interface {
	Push(*rtp.Packet, time.Time, Writer) error
	Restart()
	Stats() AudioStats
}

type recorder struct{ out []rtp.Packet }

func (r *recorder) WriteRTP(h *rtp.Header, payload []byte) error {
	r.out = append(r.out, rtp.Packet{Header: h.Clone(), Payload: bytes.Clone(payload)})
	return nil
}

// pushAudio pushes packets 20 ms apart and returns the outgoing timestamps since
// the first.
func pushAudio(t *testing.T, a audioPusher, toc byte, in []audioPacket) ([]uint32, []rtp.Packet) {
	t.Helper()
	var rec recorder
	seq, at := uint16(65530), testStart
	for _, p := range in {
		if p.restart {
			a.Restart()
			seq = 4
		}
		seq += p.skip
		pkt := rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: p.ts, SSRC: 3, Marker: true}}
		pkt.Payload = slices.Repeat([]byte{toc}, p.size)
		for range map[bool]int{false: 1, true: 2}[p.again] {
			if err := a.Push(&pkt, at, &rec); err != nil {
				t.Fatal(err)
			}
		}
		seq++
		at = at.Add(20 * time.Millisecond)
	}
	var ts []uint32
	for i, p := range rec.out {
		ts = append(ts, p.Timestamp-rec.out[0].Timestamp)
		if p.SequenceNumber != rec.out[0].SequenceNumber+uint16(i) {
			t.Errorf("packet %d: sequence number %d after %d", i, p.SequenceNumber, rec.out[0].SequenceNumber)
		}
	}
	return ts, rec.out
}

func TestG711(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []audioPacket
		want []uint32
		lost uint64
		late uint64
	}{
		{"steady", []audioPacket{{ts: 0, size: 160}, {ts: 160, size: 160}, {ts: 320, size: 160}}, []uint32{0, 160, 320}, 0, 0},
		{"jittered stamps", []audioPacket{{ts: 900, size: 160}, {ts: 1300, size: 160}, {ts: 1110, size: 160}, {ts: 1500, size: 160}}, []uint32{0, 160, 320, 480}, 0, 0},
		{"the same stamp always", []audioPacket{{ts: 900, size: 160}, {ts: 900, size: 160}, {ts: 900, size: 160}}, []uint32{0, 160, 320}, 0, 0},
		{"a step of a second", []audioPacket{{ts: 0, size: 160}, {ts: 8160, size: 160}, {ts: 8320, size: 160}}, []uint32{0, 8160, 8320}, 0, 0},
		{"lost", []audioPacket{{ts: 0, size: 160}, {ts: 480, size: 160, skip: 2}, {ts: 640, size: 160}}, []uint32{0, 480, 640}, 2, 0},
		{"twice", []audioPacket{{ts: 0, size: 160, again: true}, {ts: 160, size: 160}}, []uint32{0, 160}, 0, 1},
		{"empty", []audioPacket{{ts: 0, size: 160}, {ts: 160}, {ts: 160, size: 160}}, []uint32{0, 160}, 0, 0},
		{"60 ms are split", []audioPacket{{ts: 0, size: 480}, {ts: 480, size: 480}}, []uint32{0, 160, 320, 480, 640, 800}, 0, 0},
		{"10 ms are gathered", []audioPacket{{ts: 0, size: 80}, {ts: 80, size: 80}, {ts: 160, size: 80}, {ts: 240, size: 80}}, []uint32{0, 160}, 0, 0},
		{"30 ms are cut anew", []audioPacket{{ts: 0, size: 240}, {ts: 240, size: 240}}, []uint32{0, 160, 320}, 0, 0},
		{"the rest waits", []audioPacket{{ts: 0, size: 500}, {ts: 500, size: 160}}, []uint32{0, 160, 320, 480}, 0, 0},
		{"the rest before a gap", []audioPacket{{ts: 0, size: 80}, {ts: 8080, size: 80}, {ts: 8160, size: 80}}, []uint32{0, 8080}, 0, 0},
		{"the rest before a loss", []audioPacket{{ts: 0, size: 240}, {ts: 480, size: 240, skip: 1}, {ts: 720, size: 80}}, []uint32{0, 160, 480, 640}, 1, 0},
		{"no rest of another session", []audioPacket{{ts: 0, size: 240}, {ts: 5000, size: 160, restart: true}}, []uint32{0, 160}, 0, 0},
		{"hours off", []audioPacket{{ts: 0, size: 160}, {ts: 1 << 30, size: 160}, {ts: 1<<30 + 160, size: 160}}, []uint32{0, 160, 320}, 0, 0},
		{"new session", []audioPacket{{ts: 7000, size: 160}, {ts: 7160, size: 160}, {ts: 3, size: 160, restart: true}, {ts: 163, size: 160}}, []uint32{0, 160, 320, 480}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := NewG711(false, NewLine(8000))
			got, out := pushAudio(t, g, 0x55, tt.in)
			same, _ := pushAudio(t, NewG722(NewLine(8000)), 0x55, tt.in)
			if !slices.Equal(got, same) {
				t.Errorf("timestamps of G.722 %v, of G.711 %v", same, got)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("timestamps %v, want %v", got, tt.want)
			}
			size := 0
			for i, p := range out {
				if p.Marker {
					t.Errorf("packet %d has a marker", i)
				}
				if n := len(p.Payload); n > octetPiece || n < octetPiece && i+1 < len(out) && got[i+1] == got[i]+uint32(n) {
					t.Errorf("packet %d has %d bytes", i, n)
				}
				size += len(p.Payload) + rtpHeaderSize
			}
			for _, p := range tt.in {
				size -= p.size
			}
			if over := size - len(out)*rtpHeaderSize; over > 0 || over <= -octetPiece {
				t.Errorf("%d bytes more went out than came in", over)
			}
			s := g.Stats()
			if s.Packets != uint64(len(out)) || s.LostPackets != tt.lost || s.LatePackets != tt.late {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

func TestMuLawToALaw(t *testing.T) {
	// The ends of ITU-T G.711's tables.
	for _, tt := range []struct{ mu, a byte }{
		{0xff, 0xd5}, {0x7f, 0x55}, // zero
		{0x80, 0xaa}, {0x00, 0x2a}, // full scale
	} {
		if got := muToA[tt.mu]; got != tt.a {
			t.Errorf("mu-law %#x: A-law %#x, want %#x", tt.mu, got, tt.a)
		}
	}
	last := -1 << 20
	for i := range 256 { // mu-law codes by value: 0x00..0x7f rise from below, 0xff..0x80 above
		code := byte(i)
		if i > 127 {
			code = byte(255 - (i - 128))
		}
		mu, a := decodeMuLaw(code), decodeALaw(muToA[code])
		if a < last {
			t.Errorf("not monotonic at mu-law %#x", code)
		}
		last = a
		// Half of A-law's step at that size, 16 below 512.
		if off := max(mu-a, a-mu); off > max(8, max(mu, -mu)/32+8) {
			t.Errorf("mu-law %#x: value %d became %d", code, mu, a)
		}
	}
	g := NewG711(true, NewLine(8000))
	_, out := pushAudio(t, g, 0xff, []audioPacket{{size: 1000}, {ts: 1000, size: 160}})
	for i, p := range out {
		if !bytes.Equal(p.Payload, slices.Repeat([]byte{0xd5}, len(p.Payload))) {
			t.Errorf("packet %d is not converted", i)
		}
	}
}

func TestOpus(t *testing.T) {
	const toc20ms = 0x78 // hybrid, 20 ms, one frame
	for _, tt := range []struct {
		name string
		in   []audioPacket
		want []uint32
	}{
		{"steady", []audioPacket{{size: 80}, {ts: 960, size: 80}, {ts: 1920, size: 80}}, []uint32{0, 960, 1920}},
		{"jittered stamps", []audioPacket{{size: 80}, {ts: 1001, size: 80}, {ts: 1600, size: 80}, {ts: 2880, size: 80}}, []uint32{0, 960, 1920, 2880}},
		{"DTX", []audioPacket{{size: 80}, {ts: 19200, size: 80}, {ts: 20160, size: 80}}, []uint32{0, 19200, 20160}},
		{"lost", []audioPacket{{size: 80}, {ts: 2880, skip: 2, size: 80}}, []uint32{0, 2880}},
		{"too large", []audioPacket{{size: 80}, {ts: 960, size: maxAudioPayload + 1}, {ts: 1920, size: 80}}, []uint32{0, 1920}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, out := pushAudio(t, NewOpus(NewLine(48000)), toc20ms, tt.in)
			if !slices.Equal(got, tt.want) {
				t.Errorf("timestamps %v, want %v", got, tt.want)
			}
			if !out[0].Marker || len(out[0].Payload) != 80 {
				t.Error("marker or payload is not passed on")
			}
		})
	}
}

func TestOpusDuration(t *testing.T) {
	for _, tt := range []struct {
		packet []byte
		want   uint32
	}{
		{[]byte{0 << 3}, 480},
		{[]byte{3 << 3}, 2880},
		{[]byte{8<<3 | 1}, 960},
		{[]byte{12 << 3}, 480},
		{[]byte{13<<3 | 2}, 1920},
		{[]byte{16 << 3}, 120},
		{[]byte{31<<3 | 3, 0x83}, 2880},
		{[]byte{31<<3 | 3}, 960},
		{[]byte{31<<3 | 3, 0}, 960},
	} {
		if got := opusDuration(tt.packet); got != tt.want {
			t.Errorf("%x: %d, want %d", tt.packet, got, tt.want)
		}
	}
}
