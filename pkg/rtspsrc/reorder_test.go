package rtspsrc

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// order drives a reorderer and writes down what comes out.
type order struct {
	r   reorderer
	now time.Time
	out []string
}

func newOrder() *order {
	return &order{r: reorderer{delay: 20 * time.Millisecond}, now: time.Unix(1e9, 0)}
}

func rtpBytes(ssrc uint32, seq uint16) []byte {
	b := make([]byte, 13)
	b[0], b[1] = 0x80, 96
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

func (o *order) note(b []byte) {
	s := fmt.Sprint(binary.BigEndian.Uint16(b[2:]))
	if ssrc := binary.BigEndian.Uint32(b[8:]); ssrc != 1 {
		s = fmt.Sprintf("%d:%s", ssrc, s)
	}
	o.out = append(o.out, s)
}

func (o *order) push(ssrc uint32, seq uint16) {
	b := rtpBytes(ssrc, seq)
	if o.r.push(b, &net.UDPAddr{}, o.now) {
		o.note(b)
	}
	o.drain()
}

func (o *order) drain() {
	for d := o.r.pop(); d != nil; d = o.r.pop() {
		o.note(d.b)
		o.r.drop(d)
	}
}

// wait lets time pass; what is due comes out.
func (o *order) wait(d time.Duration) {
	o.now = o.now.Add(d)
	if due := o.r.deadline(); !due.IsZero() && !o.now.Before(due) {
		o.r.expire(o.now)
	}
	o.drain()
}

func TestReorderer(t *testing.T) {
	seqs := func(seq ...uint16) func(*order) {
		return func(o *order) {
			for _, s := range seq {
				o.push(1, s)
			}
		}
	}
	const ms = time.Millisecond
	for _, tc := range []struct {
		name            string
		do              func(*order)
		want            string
		reordered, late uint64
	}{
		{"in order", seqs(1, 2, 3), "1 2 3", 0, 0},
		{"swapped", seqs(1, 3, 2, 4), "1 2 3 4", 1, 0},
		{"far swapped", seqs(1, 4, 3, 5, 2, 6), "1 2 3 4 5 6", 3, 0},
		{"wrapped", seqs(65534, 0, 65535, 1), "65534 65535 0 1", 1, 0},
		{"twice", seqs(1, 2, 2, 3, 1), "1 2 3", 0, 2},
		{"twice while held", seqs(1, 3, 3, 2), "1 2 3", 1, 1},
		{"held back", seqs(1, 3), "1", 0, 0},
		{"lost", func(o *order) { seqs(1, 3, 4)(o); o.wait(20 * ms); seqs(5)(o) }, "1 3 4 5", 0, 0},
		{"not lost yet", func(o *order) { seqs(1, 3)(o); o.wait(19 * ms) }, "1", 0, 0},
		{"two gaps", func(o *order) {
			seqs(1, 3)(o)
			o.wait(10 * ms)
			seqs(5)(o)
			o.wait(10 * ms)
			seqs(4)(o)
			o.out = append(o.out, "|")
		}, "1 3 4 5 |", 1, 0},
		{"each waits for itself", func(o *order) {
			seqs(1, 3)(o)
			o.wait(10 * ms)
			seqs(5)(o)
			o.wait(10 * ms)
			o.out = append(o.out, "|")
			o.wait(10 * ms)
		}, "1 3 | 5", 0, 0},
		{"too late", func(o *order) { seqs(1, 3)(o); o.wait(20 * ms); seqs(2, 4)(o) }, "1 3 4", 0, 1},
		{"far ahead", seqs(1, 3, 1000, 1001), "1 3 1000 1001", 0, 0},
		{"begun anew", seqs(30000, 30001, 5, 6), "30000 30001 5 6", 0, 0},
		{"begun anew near by", func(o *order) {
			for s := range uint16(200) {
				seqs(300 + s)(o)
			}
			o.out = nil
			for s := range uint16(34) {
				seqs(200 + s)(o)
			}
		}, "231 232 233", 0, 31},
		{"another source", func(o *order) { seqs(1, 3)(o); o.push(2, 9); seqs(4)(o); o.push(2, 11); o.push(2, 10) }, "1 3 2:9 4 2:10 2:11", 1, 0},
		{"many sources", func(o *order) {
			for s := range uint32(6) {
				o.push(1+s, 7)
			}
			seqs(8)(o)
		}, "7 2:7 3:7 4:7 5:7 6:7 8", 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := newOrder()
			tc.do(o)
			if got := strings.Join(o.out, " "); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if r, l := o.r.reordered.Load(), o.r.late.Load(); r != tc.reordered || l != tc.late {
				t.Errorf("reordered %d, late %d; want %d, %d", r, l, tc.reordered, tc.late)
			}
		})
	}
}

func TestReordererAllocatesNothing(t *testing.T) {
	o := newOrder()
	from := &net.UDPAddr{}
	b := rtpBytes(1, 0)
	seq := uint16(0)
	push := func(n uint16) {
		binary.BigEndian.PutUint16(b[2:], seq+n)
		o.r.push(b, from, o.now)
		for d := o.r.pop(); d != nil; d = o.r.pop() {
			o.r.drop(d)
		}
	}
	round := func() {
		push(0)
		push(2)
		push(1)
		seq += 3
	}
	round()
	if n := testing.AllocsPerRun(500, round); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzReorderer takes two bytes a step: what to do, and with which packet. No
// packet may come out twice or be held longer than the delay.
func FuzzReorderer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 3, 0, 2, 4, 25, 0, 9, 1, 9, 2, 200, 3, 7})
	f.Add([]byte{0, 255, 3, 0, 4, 1, 3, 1, 4, 40})
	f.Fuzz(func(t *testing.T, steps []byte) {
		r := reorderer{delay: 20 * time.Millisecond}
		now := time.Unix(1e9, 0)
		in, out := uint32(0), map[uint32]bool{}
		take := func(b []byte) {
			id := binary.BigEndian.Uint32(b[12:])
			if out[id] {
				t.Fatal("a packet came out twice")
			}
			out[id] = true
		}
		for i := 0; i+1 < len(steps); i += 2 {
			what, n := steps[i]%5, steps[i+1]
			if what == 4 {
				now = now.Add(time.Duration(n) * time.Millisecond)
				if due := r.deadline(); !due.IsZero() && !now.Before(due) {
					r.expire(now)
				}
			} else {
				in++
				b := binary.BigEndian.AppendUint32(rtpBytes(uint32(what%3), uint16(n)*[]uint16{1, 3, 257, 600}[what])[:12], in)
				if r.push(b, nil, now) {
					take(b)
				}
			}
			for d := r.pop(); d != nil; d = r.pop() {
				take(d.b)
				r.drop(d)
			}
			if due := r.deadline(); !due.IsZero() && due.After(now.Add(r.delay)) {
				t.Fatal("a packet is held too long")
			}
		}
		r.expire(now.Add(r.delay))
		for d := r.pop(); d != nil; d = r.pop() {
			take(d.b)
		}
		if !r.deadline().IsZero() || uint64(len(out))+r.late.Load() != uint64(in) {
			t.Fatalf("%d in, %d out, %d late", in, len(out), r.late.Load())
		}
	})
}

func TestSettle(t *testing.T) {
	in := &datagramInlet{ordered: true}
	from := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5}
	p := make([]byte, 1473)
	give := func(seq uint16, payload int) *rtp.Packet {
		t.Helper()
		b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, SSRC: 1, CSRC: []uint32{9}}, Payload: make([]byte, payload)}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var pkt rtp.Packet
		if err := pkt.Unmarshal(p[:in.give(p, b, from, time.Now())]); err != nil {
			t.Fatal(err)
		}
		return &pkt
	}
	give(100, 10) // dropped by gortsplib, as one of another sender is
	first := give(500, 10)
	if first.SequenceNumber != 1 {
		t.Errorf("number %d", first.SequenceNumber)
	}
	if _, ok := in.settle(first); !ok || first.SequenceNumber != 500 || len(first.Payload) != 10 || in.peer != from {
		t.Errorf("%v", first)
	}
	big := give(502, 9000)
	if big.SequenceNumber != 2 || len(big.Payload) != 0 {
		t.Errorf("%v", big.Header)
	}
	if _, ok := in.settle(big); !ok || big.SequenceNumber != 502 || len(big.Payload) != 9000 || len(big.CSRC) != 1 {
		t.Errorf("%v, %d bytes", big.Header, len(big.Payload))
	}
}
