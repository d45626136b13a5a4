//go:build linux

package main

import (
	"cmp"
	"slices"
	"time"
)

const (
	// early is by how much a gap may seem to begin before the fault that made it:
	// states are asked for every 250 ms.
	early = 500 * time.Millisecond

	// after is how long after a fault's end a camera may go away because of it. A
	// path that is dead is noticed after 5 s, a participant that is missing after 10.
	after = 15 * time.Second

	// soon is the same for a machine that stood still: nothing has to be found out.
	soon = 3 * time.Second

	// recovery is the longest that a camera may take to be live again after the
	// last fault that concerns it.
	recovery = 60 * time.Second
)

// fault is one that was made. Times count from the start of the run.
type fault struct {
	Kind       kind
	Everybody  bool     // it may take down every camera
	Cameras    []string // or these
	Delays     bool     // it keeps those from coming back that are away for another reason
	Start, End time.Duration
	After      time.Duration // how long after its end it explains gaps; 0: after
	What       string        // in the log
}

func (f fault) concerns(camera string) bool { return f.Everybody || slices.Contains(f.Cameras, camera) }

// explains tells whether a gap may be this fault's.
func (f fault) explains(g gap) bool {
	return f.concerns(g.Camera) && max(g.From, g.Seen) >= f.Start-early && g.From <= f.End+cmp.Or(f.After, after)
}

// delays tells whether a fault has to be over before a camera can come back.
func (f fault) delays(g gap) bool {
	return (f.concerns(g.Camera) || f.Delays) && f.Start < g.To && f.End > g.From
}

// gap is a time during which a camera was not live.
type gap struct {
	Camera   string
	From, To time.Duration // when the program was asked
	Seen     time.Duration // when it had answered that the camera is not live
	Open     bool          // it was not over at the end
	Said     []string      // states and reasons
}

// likelier tells which of two faults counts that explain a gap: the one that began
// last, but a made one before a machine that stood still.
func (f *fault) likelier(other *fault) bool {
	if made := f.Kind != stood; made != (other.Kind != stood) {
		return made
	}
	return f.Start > other.Start
}

// cause is what became of a gap.
type cause struct {
	gap
	Fault *fault        // nil: nothing explains it
	Took  time.Duration // from the end of what kept the camera away to the end of the gap
}

// attribute finds the fault of each gap among those that explain it. The time to recover counts from its end, or from that of another which
// ended later and delayed the camera. A fault that outlasts the gap has delayed nobody.
func attribute(gaps []gap, faults []fault) []cause {
	var out []cause
	for _, g := range gaps {
		c := cause{gap: g}
		over := time.Duration(-1)
		for i := range faults {
			f := &faults[i]
			if f.explains(g) && (c.Fault == nil || f.likelier(c.Fault)) {
				c.Fault = f
			}
			if f.delays(g) && f.End <= g.To {
				over = max(over, f.End)
			}
		}
		if c.Fault != nil && c.Fault.End <= g.To {
			over = max(over, c.Fault.End)
		}
		if c.Fault != nil && over >= 0 {
			c.Took = g.To - over
		}
		out = append(out, c)
	}
	return out
}

// tally is a kind's line of the page.
type tally struct {
	Kind      kind
	Made      int
	Hit       int // cameras that it concerned, of all faults together
	Gaps      int
	Recovered []time.Duration // sorted
}

// tallies counts by kind.
func tallies(faults []fault, causes []cause, cameras int) []tally {
	by := map[kind]*tally{}
	var out []*tally
	for _, t := range traits {
		by[t.kind] = &tally{Kind: t.kind}
		out = append(out, by[t.kind])
	}
	if len(faults) > 0 && slices.ContainsFunc(faults, func(f fault) bool { return f.Kind == stood }) {
		by[stood] = &tally{Kind: stood}
		out = append(out, by[stood])
	}
	for _, f := range faults {
		by[f.Kind].Made++
		if f.Everybody {
			by[f.Kind].Hit += cameras
		} else {
			by[f.Kind].Hit += len(f.Cameras)
		}
	}
	for _, c := range causes {
		if c.Fault == nil {
			continue
		}
		t := by[c.Fault.Kind]
		t.Gaps++
		if !c.Open {
			t.Recovered = append(t.Recovered, c.Took)
		}
	}
	var result []tally
	for _, t := range out {
		slices.Sort(t.Recovered)
		result = append(result, *t)
	}
	return result
}

// sum is a line for all kinds together.
func sum(of []tally) tally {
	var all tally
	for _, t := range of {
		all.Made, all.Hit, all.Gaps = all.Made+t.Made, all.Hit+t.Hit, all.Gaps+t.Gaps
		all.Recovered = append(all.Recovered, t.Recovered...)
	}
	slices.Sort(all.Recovered)
	return all
}

// quantile is of a sorted list: the smallest value that so many percent do not exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*percent + 99) / 100
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// sample is a value at a time.
type sample struct {
	At    time.Duration
	Value float64
}

// trend is a straight line through samples that stray ones do not bend.
type trend struct {
	Median  float64
	PerHour float64
	Over    time.Duration
}

// secondHalf drops what the beginning is like.
func secondHalf(all []sample) []sample { return all[len(all)/2:] }

// fit is Theil and Sen's: the median of the slopes between every two samples.
func fit(samples []sample) trend {
	var slopes, values []float64
	for i, a := range samples {
		values = append(values, a.Value)
		for _, b := range samples[i+1:] {
			if b.At > a.At {
				slopes = append(slopes, (b.Value-a.Value)/(b.At-a.At).Hours())
			}
		}
	}
	t := trend{Median: median(values), PerHour: median(slopes)}
	if n := len(samples); n > 0 {
		t.Over = samples[n-1].At - samples[0].At
	}
	return t
}

// rise is by how much the line rises from the first sample to the last.
func (t trend) rise() float64 { return t.PerHour * t.Over.Hours() }

// most is the largest rise that passes as flat: a share of the median, or a few of
// the units in which noise comes if that is more.
func (t trend) most(few float64) float64 { return max(flatShare*t.Median, few) }

// flatShare is the part of the median by which a flat line may rise in half a run.
const flatShare = 0.05

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.SortFunc(s, cmp.Compare[float64])
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
