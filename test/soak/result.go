//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// result is all that a run has found.
type result struct {
	Options                       options
	Date                          time.Time
	Machine, Version, LiveKit, Go string
	Artifacts                     string

	Chaos   time.Duration // until the last fault was over
	Settled time.Duration // from then until every camera was live
	Length  time.Duration // of all

	Faults  []fault
	Skipped int
	Still   []fault // that nobody made: the machine stood still
	Gaps    []gap
	Live    []sample
	Samples map[string][]sample

	Room     string // what was wrong with it; "": nothing
	Pictures []pictures
	Watched  uint64 // pictures that the viewer has got in all

	CPU      time.Duration // of rtsp2whip
	Usage    usage
	Ended    time.Duration // from SIGTERM to its end
	ByItself bool
	Left     string // who stayed in the room

	Wrong []string // with the run itself
}

// pictures of one camera, in the quiet time.
type pictures struct {
	Camera         string
	Sent, Received uint64
}

// verdict is one judgement, in a sentence.
type verdict struct {
	Holds bool
	Text  string
}

// gauge is a metric whose line has to be flat.
type gauge struct {
	Metric, Name, Unit string
	Scale              float64 // from the metric's unit
	Few                float64 // a rise that is noise, in the unit
}

var gauges = []gauge{
	{metricRSS, "Resident memory", "MB", 1e-6, 4},
	{metricGoroutines, "Goroutines", "goroutines", 1, 15},
	{metricFiles, "Open files", "files", 1, 8},
}

// trend is of the run's second half, in the gauge's unit.
func (g gauge) trend(r *result) trend {
	var scaled []sample
	for _, s := range secondHalf(r.Samples[g.Metric]) {
		scaled = append(scaled, sample{s.At, s.Value * g.Scale})
	}
	return fit(scaled)
}

// judge says what holds and what does not.
func (r *result) judge() []verdict {
	out := []verdict{r.judgeRun(), r.judgeLive()}
	out = append(out, r.judgeGaps()...)
	out = append(out, r.judgeRoom(), r.judgePictures())
	for _, g := range gauges {
		out = append(out, r.judgeGauge(g))
	}
	out = append(out, r.judgeReturn(gauges[1]), r.judgeReturn(gauges[2]))
	return append(out, r.judgeEnd())
}

func (r *result) judgeRun() verdict {
	if len(r.Wrong) > 0 {
		return verdict{false, fmt.Sprintf("The run met with %d faults that it has not made; the first: %s", len(r.Wrong), r.Wrong[0])}
	}
	return verdict{true, fmt.Sprintf("%d faults were made; the process of rtsp2whip was the same all the time, and its API always answered.", len(r.Faults))}
}

func (r *result) judgeLive() verdict {
	for _, g := range r.Gaps {
		if g.Open {
			return verdict{false, fmt.Sprintf("%s is not live %.0f s after the last fault: %s.", g.Camera, (g.To - r.Chaos).Seconds(), g.Said[len(g.Said)-1])}
		}
	}
	return verdict{r.Length > 0 && r.Settled <= recovery, fmt.Sprintf("All %d cameras were live %.1f s after the last fault; the limit is %.0f s.",
		r.Options.Cameras, r.Settled.Seconds(), recovery.Seconds())}
}

func (r *result) judgeGaps() []verdict {
	causes := r.causes()
	unexplained, late := verdict{Holds: true}, verdict{Holds: true}
	n, longest := 0, time.Duration(0)
	for _, c := range causes {
		longest = max(longest, c.Took)
		switch {
		case c.Fault == nil:
			n++
			unexplained = verdict{false, fmt.Sprintf("%s was not live from %s to %s, and no fault explains it: %s.", c.Camera, clock(c.From), clock(c.To), c.Said[0])}
		case c.Took > recovery && late.Holds:
			late = verdict{false, fmt.Sprintf("%s came back %.0f s after its fault (%s); the limit is %.0f s.", c.Camera, c.Took.Seconds(), c.Fault.Kind, recovery.Seconds())}
		}
	}
	if unexplained.Holds {
		unexplained.Text = fmt.Sprintf("Cameras went away %d times; gaps that no fault explains: 0.", len(causes))
	} else {
		unexplained.Text = fmt.Sprintf("%d gaps are unexplained. %s", n, unexplained.Text)
	}
	if late.Holds {
		late.Text = fmt.Sprintf("The longest way back took %.1f s from the end of the fault; the limit is %.0f s.", longest.Seconds(), recovery.Seconds())
	}
	return []verdict{unexplained, late}
}

// causes are those of all gaps.
func (r *result) causes() []cause { return attribute(r.Gaps, slices.Concat(r.Faults, r.Still)) }

func (r *result) judgeRoom() verdict {
	if r.Room != "" {
		return verdict{false, fmt.Sprintf("The room is not as it should be: %s.", r.Room)}
	}
	return verdict{true, fmt.Sprintf("The room had the %d cameras, each once, with its tracks and its newest settings, and no ghosts.", r.Options.Cameras)}
}

const (
	pictureShare = 0.9 // of all pictures, the least that the viewer has to get
	cameraShare  = 0.5 // of each camera's
)

func (r *result) judgePictures() verdict {
	var sent, received uint64
	for _, p := range r.Pictures {
		sent, received = sent+p.Sent, received+p.Received
		if p.Sent == 0 || float64(p.Received) < cameraShare*float64(p.Sent) {
			return verdict{false, fmt.Sprintf("%s sent %d pictures in the last %.0f s, and the room's viewer got %d.", p.Camera, p.Sent, quiet.Seconds(), p.Received)}
		}
	}
	return verdict{sent > 0 && float64(received) >= pictureShare*float64(sent), fmt.Sprintf(
		"In the last %.0f s, without faults, the cameras sent %d pictures and the room's viewer got %d of them.", quiet.Seconds(), sent, min(received, sent))}
}

// shortest is the least time that a line is drawn through: with a camera come and go
// dozens of goroutines.
const shortest = 5 * time.Minute

func (r *result) judgeGauge(g gauge) verdict {
	t := g.trend(r)
	if t.Over > 0 && t.Over < shortest {
		return verdict{true, fmt.Sprintf("%s: %.0f %s; the run is too short to tell of a slope.", g.Name, t.Median, g.Unit)}
	}
	few := t.most(g.Few)
	perHour := few / t.Over.Hours()
	return verdict{t.Over > 0 && t.rise() <= few, fmt.Sprintf(
		"%s: %.0f %s, with a slope of %+.1f an hour in the second half (%.0f min); the limit is %+.0f an hour, which is %.1f in that time.",
		g.Name, t.Median, g.Unit, t.PerHour, t.Over.Minutes(), perHour, few)}
}

// judgeReturn compares the quiet time in the end with the one before the first fault.
func (r *result) judgeReturn(g gauge) verdict {
	var last []float64
	all := r.Samples[g.Metric]
	for _, s := range all {
		if s.At > r.Length-quiet {
			last = append(last, s.Value*g.Scale)
		}
	}
	if len(last) == 0 {
		return verdict{false, fmt.Sprintf("%s: there are no samples of the end.", g.Name)}
	}
	before, now := all[0].Value*g.Scale, median(last)
	return verdict{now <= before+g.Few, fmt.Sprintf("%s with all cameras live: %.0f before the first fault, %.0f in the end; the limit is %.0f more.",
		g.Name, before, now, g.Few)}
}

func (r *result) judgeEnd() verdict {
	switch {
	case !r.ByItself:
		return verdict{false, "rtsp2whip did not end on SIGTERM."}
	case r.Left != "":
		return verdict{false, fmt.Sprintf("After rtsp2whip had ended, %s.", r.Left)}
	}
	return verdict{r.Ended <= 5*time.Second, fmt.Sprintf("SIGTERM ended rtsp2whip in %.1f s (the limit is 5 s), and nobody stayed in the room.", r.Ended.Seconds())}
}

// clock is a time of the run, in minutes and seconds.
func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%04.1f", int(d.Minutes()), d.Seconds()-60*float64(int(d.Minutes())))
}
