package publisher

import (
	"testing"
	"time"
)

const ms = time.Millisecond

func TestAlignment(t *testing.T) {
	unknown := 2 * alignLimit
	for _, tt := range []struct {
		name string
		late func(second int) time.Duration
		over int
		want time.Duration
	}{
		{"steady", func(int) time.Duration { return 250 * ms }, 15, 250 * ms},
		{"not for long enough", func(int) time.Duration { return 250 * ms }, 14, 0},
		{"the sound comes later", func(int) time.Duration { return -120 * ms }, 20, -120 * ms},
		{"jitter", func(n int) time.Duration { return time.Duration(200+n%4*10) * ms }, 60, 220 * ms},
		{"too small to matter", func(int) time.Duration { return 9 * ms }, 60, 0},
		{"never the same", func(n int) time.Duration { return time.Duration(n%2) * 100 * ms }, 600, 0},
		{"clocks of their own", func(int) time.Duration { return 2 * time.Hour }, 600, 0},
		{"one track's clock steps before the other's", func(n int) time.Duration {
			if n%30 < 10 {
				return 700 * ms
			}
			return 200 * ms
		}, 600, 200 * ms},
		{"it changes", func(n int) time.Duration {
			if n < 100 {
				return 300 * ms
			}
			return 100 * ms
		}, 200, 100 * ms},
		{"no reports for a while", func(n int) time.Duration {
			if n >= 50 && n < 100 {
				return unknown
			}
			return 300 * ms
		}, 100, 300 * ms},
		{"no reports any more", func(n int) time.Duration {
			if n >= 50 {
				return unknown
			}
			return 300 * ms
		}, 111, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a alignment
			for n := range tt.over {
				before := a.delay
				late := tt.late(n)
				if changed := a.second(late, late != unknown); changed != (a.delay != before) {
					t.Fatalf("second %d: changed %v from %s to %s", n, changed, before, a.delay)
				}
			}
			if a.delay != tt.want {
				t.Errorf("%s, want %s", a.delay, tt.want)
			}
		})
	}
}

func TestQuickest(t *testing.T) {
	var first uint32 = 4294967000
	wrapped := first + 3*3600
	var q quickest
	if _, _, ok := q.take(); ok {
		t.Error("a packet out of nothing")
	}
	at := time.Now()
	for i, late := range []int{30, 10, 50, 5, 20} {
		q.note(first+uint32(i*3600), at.Add(time.Duration(i*40+late)*ms), 90000)
	}
	ts, when, ok := q.take()
	if !ok || ts != wrapped || when.Sub(at) != 125*ms {
		t.Errorf("%d at %s", ts, when.Sub(at))
	}
	if _, _, ok := q.take(); ok {
		t.Error("the same packet twice")
	}
}

// The session is told by how much the picture comes later, also the next one.
func TestPictureThatComesLater(t *testing.T) {
	for name, tt := range map[string]struct {
		clock func(n int) time.Duration
		want  time.Duration
	}{
		"a good clock":     {func(int) time.Duration { return 0 }, 230 * ms},
		"years off":        {func(int) time.Duration { return -400000 * time.Hour }, 230 * ms},
		"no reports":       {nil, 0},
		"a clock of steps": {func(n int) time.Duration { return time.Duration(n%2) * time.Hour }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cam := videoOnly()
			cam.tracks = append(cam.tracks, Track{ID: 1, Kind: Audio, Codec: CodecPCMA, ClockRate: 8000, Channels: 1})
			cam.late, cam.clock = 230*ms, tt.clock
			target := &fakeTarget{audio: map[string][]string{CodecPCMA: {CodecPCMA}}}
			bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
				after(30 * time.Second)
				wantState(t, p, Live)
				target.all()[0].lose(wrongPassword{})
				after(30 * time.Second)
				for i, s := range target.all() {
					if v, a := time.Duration(s.delays[0].Load()), time.Duration(s.delays[1].Load()); (v-tt.want).Abs() > ms || a != 0 {
						t.Errorf("session %d: the picture by %s, the sound by %s", i, v, a)
					}
				}
			})
		})
	}
}
