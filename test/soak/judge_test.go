//go:build linux

package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func TestAttribute(t *testing.T) {
	faults := []fault{
		{Kind: reboot, Cameras: []string{"a"}, Start: at(10), End: at(20)},
		{Kind: silence, Cameras: []string{"b"}, Start: at(10), End: at(30)},
		{Kind: serverDown, Everybody: true, Start: at(100), End: at(105)},
		{Kind: refusing, Cameras: []string{"c"}, Delays: true, Start: at(200), End: at(210)},
		{Kind: badFile, Start: at(300), End: at(305)},
		{Kind: loss, Cameras: []string{"e"}, Start: at(400), End: at(415)},
		{Kind: hangUp, Cameras: []string{"e"}, Start: at(402), End: at(402)},
		{Kind: hangUp, Cameras: []string{"d"}, Start: at(199), End: at(199)},
		{Kind: stood, Everybody: true, Start: at(600), End: at(603), After: soon},
		{Kind: reboot, Cameras: []string{"g"}, Start: at(601), End: at(601)},
		{Kind: reboot, Cameras: []string{"f"}, Start: at(490), End: at(500)},
		{Kind: loss, Cameras: []string{"f"}, Start: at(507), End: at(515)},
	}
	for _, c := range []struct {
		name string
		gap  gap
		want kind // "": unexplained
		took float64
	}{
		{"its own", gap{Camera: "a", From: at(10.2), To: at(23)}, reboot, 3},
		{"seen a moment early", gap{Camera: "a", From: at(9.7), To: at(23)}, reboot, 3},
		{"before it", gap{Camera: "a", From: at(9), To: at(23)}, "", 0},
		{"another camera's", gap{Camera: "b", From: at(8), To: at(9)}, "", 0},
		{"noticed late, over before it ends", gap{Camera: "b", From: at(15), To: at(29)}, silence, 0},
		{"a while after", gap{Camera: "b", From: at(44), To: at(46)}, silence, 16},
		{"long after", gap{Camera: "b", From: at(46), To: at(47)}, "", 0},
		{"everybody's", gap{Camera: "z", From: at(106), To: at(108)}, serverDown, 3},
		{"no camera's", gap{Camera: "a", From: at(301), To: at(302)}, "", 0},
		{"what delays explains nothing", gap{Camera: "a", From: at(202), To: at(203)}, "", 0},
		{"but keeps away who is away", gap{Camera: "d", From: at(199.5), To: at(212)}, hangUp, 2},
		{"the one that lasts, not one long past", gap{Camera: "f", From: at(511), To: at(512)}, loss, 0},
		{"a machine that stood still", gap{Camera: "f", From: at(601), To: at(604)}, stood, 1},
		{"but not for long", gap{Camera: "f", From: at(607), To: at(608)}, "", 0},
		{"and not if there is a fault", gap{Camera: "g", From: at(602), To: at(605)}, reboot, 2},
		{"asked before, answered after it began", gap{Camera: "a", From: at(9), Seen: at(10), To: at(23)}, reboot, 3},
		{"the one that was over", gap{Camera: "e", From: at(402.1), To: at(404)}, hangUp, 2},
	} {
		got := attribute([]gap{c.gap}, faults)[0]
		if c.want == "" {
			if got.Fault != nil {
				t.Errorf("%s: explained by %q", c.name, got.Fault.Kind)
			}
			continue
		}
		if got.Fault == nil || got.Fault.Kind != c.want || got.Took != at(c.took) {
			t.Errorf("%s: %+v, want %q after %v s", c.name, got, c.want, c.took)
		}
	}
}

func TestAsFaults(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := func(from, to float64) standstill { return standstill{start.Add(at(from)), start.Add(at(to))} }
	got := asFaults([]standstill{s(5, 6), s(-3, -2), s(1, 3), s(2, 4)}, start)
	if len(got) != 2 || got[0].Start != at(1) || got[0].End != at(4) || got[1].Start != at(5) || got[1].End != at(6) {
		t.Errorf("%+v", got)
	}
	for _, f := range got {
		if f.Kind != stood || !f.concerns("anybody") || f.Delays {
			t.Errorf("%+v", f)
		}
	}
}

func TestTallies(t *testing.T) {
	faults := []fault{
		{Kind: reboot, Cameras: []string{"a"}, Start: at(10), End: at(20)},
		{Kind: serverDown, Everybody: true, Start: at(100), End: at(105)},
	}
	causes := attribute([]gap{
		{Camera: "a", From: at(11), To: at(22)},
		{Camera: "a", From: at(101), To: at(108)},
		{Camera: "b", From: at(101), To: at(106)},
		{Camera: "c", From: at(101), To: at(200), Open: true},
		{Camera: "c", From: at(50), To: at(51)},
	}, faults)
	all := tallies(faults, causes, 3)
	get := func(k kind) tally { return all[slices.IndexFunc(all, func(t tally) bool { return t.Kind == k })] }
	if got := get(reboot); got.Made != 1 || got.Hit != 1 || got.Gaps != 1 || !slices.Equal(got.Recovered, []time.Duration{at(2)}) {
		t.Errorf("reboot: %+v", got)
	}
	if got := get(serverDown); got.Made != 1 || got.Hit != 3 || got.Gaps != 3 || !slices.Equal(got.Recovered, []time.Duration{at(1), at(3)}) {
		t.Errorf("server: %+v", got)
	}
	if got := sum(all); got.Made != 2 || got.Hit != 4 || got.Gaps != 4 || len(got.Recovered) != 3 {
		t.Errorf("sum: %+v", got)
	}
}

func TestQuantile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, at(float64(i+1)))
	}
	for _, c := range []struct {
		of      []time.Duration
		percent int
		want    float64
	}{{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred[:1], 50, 1}, {hundred[:3], 50, 2}, {hundred[:3], 99, 3}, {nil, 50, 0}} {
		if got := quantile(c.of, c.percent); got != at(c.want) {
			t.Errorf("%d %% of %d: %s, want %v s", c.percent, len(c.of), got, c.want)
		}
	}
}

// line makes samples every 5 s for a while, with noise and a few stray ones.
func line(over time.Duration, value func(hours float64) float64) []sample {
	chance := rand.New(rand.NewPCG(3, 3))
	var out []sample
	for a := time.Duration(0); a <= over; a += 5 * time.Second {
		v := value(a.Hours()) + chance.NormFloat64()
		if chance.IntN(20) == 0 {
			v += 300
		}
		out = append(out, sample{a, v})
	}
	return out
}

func TestFit(t *testing.T) {
	for _, slope := range []float64{0, 40, -40} {
		got := fit(line(15*time.Minute, func(h float64) float64 { return 100 + slope*h }))
		if math.Abs(got.PerHour-slope) > 2 || math.Abs(got.Median-(100+slope/8)) > 2 || got.Over != 15*time.Minute {
			t.Errorf("%v an hour: %+v", slope, got)
		}
		if rise := got.rise(); math.Abs(rise-slope/4) > 1 {
			t.Errorf("%v an hour rises by %v", slope, rise)
		}
	}
	if got := fit(nil); got != (trend{}) {
		t.Errorf("nothing: %+v", got)
	}
}

// TestJudge spoils a sound run in one way after the other.
func TestJudge(t *testing.T) {
	sound := func() *result {
		r := &result{Options: options{Cameras: 2}, Chaos: at(1800), Settled: at(3), Length: at(1825), Ended: at(1), ByItself: true,
			Faults:   []fault{{Kind: reboot, Cameras: []string{"a"}, Start: at(10), End: at(20)}},
			Gaps:     []gap{{Camera: "a", From: at(11), To: at(22), Said: []string{"reconnecting: connection refused"}}},
			Pictures: []pictures{{"a", 500, 500}, {"b", 500, 499}},
			Samples: map[string][]sample{
				metricRSS:        line(at(1825), func(float64) float64 { return 80e6 }),
				metricGoroutines: line(at(1825), func(float64) float64 { return 400 }),
				metricFiles:      line(at(1825), func(float64) float64 { return 90 }),
			}}
		return r
	}
	for _, v := range sound().judge() {
		if !v.Holds {
			t.Errorf("a sound run fails: %s", v.Text)
		}
	}
	for _, c := range []struct {
		want  string // a part of the sentence
		spoil func(r *result)
	}{
		{"API does not answer", func(r *result) { r.Wrong = []string{"the API does not answer"} }},
		{"b is not live", func(r *result) {
			r.Gaps = append(r.Gaps, gap{Camera: "b", From: at(15), To: at(1825), Open: true, Said: []string{"stalled: no frames"}})
		}},
		{"unexplained", func(r *result) { r.Gaps[0].Camera = "b" }},
		{"came back 80 s after", func(r *result) { r.Gaps[0].To = at(100) }},
		{"a ghost", func(r *result) { r.Room = "there is a ghost" }},
		{"viewer got 100", func(r *result) { r.Pictures[1].Received = 100 }},
		{"slope of +", func(r *result) {
			r.Samples[metricRSS] = line(at(1825), func(h float64) float64 { return 80e6 + 30e6*h })
		}},
		{"Goroutines: 4", func(r *result) {
			r.Samples[metricGoroutines] = line(at(1825), func(h float64) float64 { return 400 + 120*h })
		}},
		{"Open files with all cameras live", func(r *result) {
			r.Samples[metricFiles] = line(at(1825), func(h float64) float64 { return 90 + 40*h })
		}},
		{"did not end", func(r *result) { r.ByItself = false }},
		{"still there", func(r *result) { r.Left = "a is still there" }},
	} {
		r := sound()
		c.spoil(r)
		said := ""
		for _, v := range r.judge() {
			if !v.Holds {
				said += v.Text + "\n"
			}
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("want a failure with %q, got %q", c.want, said)
		}
	}
}

func TestSchedule(t *testing.T) {
	a, b := schedule(1, 30*time.Minute), schedule(1, 30*time.Minute)
	if !slices.Equal(a, b) {
		t.Error("the same seed makes another plan")
	}
	if slices.Equal(a, schedule(2, 30*time.Minute)) {
		t.Error("another seed makes the same plan")
	}
	for _, total := range []time.Duration{2 * time.Minute, 30 * time.Minute} {
		made := map[kind]int{}
		drawn := time.Duration(0)
		for i, p := range schedule(1, total) {
			made[p.Kind]++
			tr := traitOf(p.Kind)
			if p.At < 0 || p.At >= total || p.For < tr.least || p.For > max(tr.least, tr.most) {
				t.Errorf("%d: %+v", i, p)
			}
			if tr.every == 0 {
				if p.At-drawn > latest {
					t.Errorf("nothing for %s before %s", p.At-drawn, p.At)
				}
				drawn = p.At
			}
		}
		for _, tr := range traits {
			if want := int(total / max(tr.every, total)); made[tr.kind] < max(want, 1) {
				t.Errorf("%s: %q comes %d times", total, tr.kind, made[tr.kind])
			}
		}
	}
}
