package repack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bitWriter writes the fields of parameter sets and slice headers.
type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) u(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

func (w *bitWriter) ue(v uint32) {
	n := 0
	for (v+1)>>n > 1 {
		n++
	}
	w.u(n, 0)
	w.u(n+1, v+1)
}

// escape inserts emulation prevention bytes.
func escape(b []byte) []byte {
	var out []byte
	zeros := 0
	for _, c := range b {
		if zeros >= 2 && c <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

type spsSpec struct {
	profile    uint32
	id         uint32
	pocType    uint32
	widthMBs   uint32
	interlaced bool
	pad        int // bytes of junk behind, to make it large
}

func makeSPS(s spsSpec) []byte {
	if s.profile == 0 {
		s.profile, s.pocType = 66, 2
	}
	if s.widthMBs == 0 {
		s.widthMBs = 40
	}
	var w bitWriter
	w.u(8, s.profile)
	w.u(8, 0xc0)
	w.u(8, 30)
	w.ue(s.id)
	w.ue(0) // log2_max_frame_num 4
	w.ue(s.pocType)
	if s.pocType == 0 {
		w.ue(0)
	}
	w.ue(1)
	w.u(1, 0)
	w.ue(s.widthMBs - 1)
	w.ue(29)
	if s.interlaced {
		w.u(2, 0)
	} else {
		w.u(1, 1)
	}
	w.u(1, 1)
	w.u(2, 0) // no cropping, no VUI
	w.u(1, 1)
	return append(append([]byte{0x67}, escape(w.b)...), bytes.Repeat([]byte{0xa5}, s.pad)...)
}

func makePPS(id, sps uint32, pad int) []byte {
	var w bitWriter
	w.ue(id)
	w.ue(sps)
	w.u(8, 0xce)
	return append(append([]byte{0x68}, w.b...), bytes.Repeat([]byte{0x5a}, pad)...)
}

type sliceSpec struct {
	idr      bool
	disposed bool // nal_ref_idc 0
	firstMB  uint32
	typ      uint32
	pps      uint32
	frameNum uint32
	size     int
}

var testRand = rand.New(rand.NewPCG(1, 2))

func makeSlice(s sliceSpec) []byte {
	var w bitWriter
	w.ue(s.firstMB)
	w.ue(s.typ)
	w.ue(s.pps)
	w.u(4, s.frameNum%16)
	w.u(8, 0xff)
	header := byte(0x61)
	if s.idr {
		header = 0x65
	}
	if s.disposed {
		header &^= refMask
	}
	out := append([]byte{header}, escape(w.b)...)
	for len(out) < s.size {
		out = append(out, byte(1+testRand.IntN(255))) // no zeros: no emulation to prevent
	}
	return out
}

var (
	testSPS = makeSPS(spsSpec{})
	testPPS = makePPS(0, 0, 0)
)

// key, delta and spare are access units of one slice.
func key(size int) [][]byte {
	return [][]byte{testSPS, testPPS, makeSlice(sliceSpec{idr: true, typ: 7, size: size})}
}

func delta(frameNum uint32, size int) [][]byte {
	return [][]byte{makeSlice(sliceSpec{typ: 5, frameNum: frameNum, size: size})}
}

func spare(frameNum uint32, size int) [][]byte {
	return [][]byte{makeSlice(sliceSpec{typ: 5, frameNum: frameNum, size: size, disposed: true})}
}

// rig pushes packets as a camera would and checks everything that comes out.
type rig struct {
	t     testing.TB
	r     *Video
	line  *Line
	max   int
	seq   uint16
	ts    uint32
	now   time.Time
	out   []rtp.Packet
	check checker
}

func newRig(t testing.TB, cfg VideoConfig) *rig {
	line := NewLine(90000)
	g := &rig{t: t, r: NewH264(cfg, line), line: line, seq: 65500, ts: 1<<32 - 7000, now: testStart}
	g.max = cfg.MaxPacketSize
	if g.max == 0 {
		g.max = 1200
	}
	g.max -= cfg.ExtensionBytes
	g.check.max = g.max
	return g
}

func (g *rig) WriteRTP(h *rtp.Header, payload []byte) error {
	if err := g.check.packet(h, payload); err != nil {
		g.t.Errorf("packet %d: %v", len(g.out), err)
	}
	g.out = append(g.out, rtp.Packet{Header: h.Clone(), Payload: bytes.Clone(payload)})
	return nil
}

// push sends one packet; the payload is wiped afterwards, since it may not be
// kept.
func (g *rig) push(marker bool, payload ...byte) {
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: g.seq, Timestamp: g.ts, Marker: marker, SSRC: 7}}
	p.Payload = bytes.Clone(payload)
	g.seq++
	g.give(&p)
	for i := range p.Payload {
		p.Payload[i] = 0xee
	}
}

// give pushes a packet.
func (g *rig) give(p *rtp.Packet) {
	_, g.check.complete = g.r.codec.all()
	if err := g.r.Push(p, g.now, g); err != nil {
		g.t.Errorf("push: %v", err)
	}
}

// frame goes on to the next frame's timestamp, at 25 frames a second.
func (g *rig) frame() {
	g.ts += 3600
	g.now = g.now.Add(40 * time.Millisecond)
}

// send sends an access unit with one NAL unit a packet, marker on the last.
func (g *rig) send(au [][]byte) {
	g.frame()
	for i, n := range au {
		g.push(i == len(au)-1, n...)
	}
}

func (g *rig) sendAll(aus ...[][]byte) {
	for _, au := range aus {
		g.send(au)
	}
}

func (g *rig) units() []sentUnit {
	g.t.Helper()
	depack := depacketize
	if g.check.hevc {
		depack = depacketize265
	}
	units, err := depack(g.out)
	if err != nil {
		g.t.Fatalf("depacketize: %v", err)
	}
	return units
}

// closed returns the access units that ended with a marker.
func (g *rig) closed() [][][]byte {
	g.t.Helper()
	var aus [][][]byte
	for _, u := range g.units() {
		if u.closed {
			aus = append(aus, u.nalus)
		}
	}
	return aus
}

func (g *rig) want(aus ...[][]byte) {
	g.t.Helper()
	got := g.closed()
	if len(got) != len(aus) {
		g.t.Fatalf("%d access units closed, want %d", len(got), len(aus))
	}
	for i := range aus {
		if err := sameUnits(got[i], aus[i]); err != nil {
			g.t.Fatalf("access unit %d: %v", i, err)
		}
	}
}

func sameUnits(got, want [][]byte) error {
	if len(got) != len(want) {
		return fmt.Errorf("NAL units %s, want %s", types(got), types(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			return fmt.Errorf("NAL unit %d of type %d, %d bytes, differs from the one sent (type %d, %d bytes)",
				i, got[i][0]&typeMask, len(got[i]), want[i][0]&typeMask, len(want[i]))
		}
	}
	return nil
}

func types(nalus [][]byte) string {
	s := ""
	for _, n := range nalus {
		s += fmt.Sprintf(" %d(%d)", n[0]&typeMask, len(n))
	}
	return s
}
