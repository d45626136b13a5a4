package repack

import (
	"testing"
	"time"
)

func TestLineTimestamps(t *testing.T) {
	const rate = 90000
	type step struct {
		in     uint32
		at     time.Duration
		rebase bool
		want   uint32 // since the first
	}
	ms := time.Millisecond
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"steady", []step{{in: 100}, {in: 3700, at: 40 * ms, want: 3600}, {in: 3700, at: 45 * ms, want: 3600}, {in: 7300, at: 80 * ms, want: 7200}}},
		{"wraps", []step{{in: 1<<32 - 1000}, {in: 2600, at: 40 * ms, want: 3600}}},
		{"network jitter changes nothing", []step{{in: 0}, {in: 3600, at: 900 * ms, want: 3600}, {in: 7200, at: 900 * ms, want: 7200}}},
		{"five seconds are taken", []step{{in: 0}, {in: 5 * rate, at: 40 * ms, want: 5 * rate}}},
		{"more is not", []step{{in: 0}, {in: 5*rate + 1, at: 40 * ms, want: 3600}, {in: 5*rate + 3601, at: 80 * ms, want: 7200}}},
		{"hours off and back", []step{{in: 0}, {in: 1 << 30, at: 40 * ms, want: 3600}, {in: 7200, at: 80 * ms, want: 7200}, {in: 10800, at: 120 * ms, want: 10800}}},
		{"set back", []step{{in: 1 << 20}, {in: 1<<20 + 3600, at: 40 * ms, want: 3600}, {in: 0, at: 80 * ms, want: 7200}, {in: 3600, at: 120 * ms, want: 10800}}},
		{"B-frames", []step{{in: 0}, {in: 10800, at: 40 * ms, want: 10800}, {in: 3600, at: 80 * ms, want: 10801}, {in: 7200, at: 120 * ms, want: 10802},
			{in: 21600, at: 160 * ms, want: 21600}}},
		{"new session", []step{{in: 500}, {in: 4100, at: 40 * ms, want: 3600}, {in: 77, at: 2040 * ms, rebase: true, want: 3600 + 2*rate},
			{in: 3677, at: 2080 * ms, want: 7200 + 2*rate}}},
		{"new session with the same timestamp", []step{{in: 500}, {in: 500, at: time.Second, rebase: true, want: rate}}},
		{"new session at once", []step{{in: 500}, {in: 9, rebase: true, want: 1}}},
		{"new session before the first packet", []step{{in: 500, rebase: true}, {in: 4100, at: 40 * ms, want: 3600}}},
		{"wall clock set back", []step{{in: 500}, {in: 9, at: -time.Hour, rebase: true, want: 1}}},
		{"a week away", []step{{in: 500}, {in: 9, at: 7 * 24 * time.Hour, rebase: true, want: 6 * 3600 * rate}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLine(rate)
			var first uint32
			for i, s := range tt.steps {
				if s.rebase {
					l.Rebase()
				}
				got := l.Timestamp(s.in, testStart.Add(s.at))
				if i == 0 {
					first = got
				}
				if got-first != s.want {
					t.Errorf("step %d: %d, want %d", i, got-first, s.want)
				}
			}
		})
	}
}

// A clock that was set back by less than B-frames may go back is noticed after
// some packets.
func TestLineSetBackALittle(t *testing.T) {
	l := NewLine(90000)
	at := testStart
	first := l.Timestamp(90000, at)
	in, last := uint32(90000-80000), first
	for range 100 {
		at = at.Add(10 * time.Millisecond)
		out := l.Timestamp(in, at)
		if int32(out-last) <= 0 {
			t.Fatalf("timestamp went from %d to %d", last, out)
		}
		in, last = in+900, out
	}
	if d := last - first; d < 90000*3/4 || d > 90000 {
		t.Errorf("the line went on by %d in one second", d)
	}
}

func TestLineSequence(t *testing.T) {
	for range 100 {
		l := NewLine(8000)
		s := l.NextSeq()
		if s >= 1<<15 {
			t.Fatalf("first sequence number %d", s)
		}
		for range 70000 {
			n := l.NextSeq()
			if n != s+1 {
				t.Fatalf("%d after %d", n, s)
			}
			s = n
		}
	}
}
