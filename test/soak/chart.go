//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"
)

// The chart has two panels, one above the other.
const (
	chartWidth  = 720
	panelHeight = 130
	margin      = 46
)

// chart draws cameras live and resident memory over the run's time, as SVG.
func (r *result) chart() string {
	var b strings.Builder
	height := 2*(panelHeight+margin) + margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", chartWidth+2*margin, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", chartWidth+2*margin, height)
	live := append([]sample{{0, float64(r.Options.Cameras)}}, r.Live...)
	if n := len(live); n > 0 {
		live = append(live, sample{r.Length, live[n-1].Value})
	}
	r.panel(&b, margin, fmt.Sprintf("Cameras live, of %d", r.Options.Cameras), live, float64(r.Options.Cameras), true)
	memory := make([]sample, 0, len(r.Samples[metricRSS]))
	most := 1.0
	for _, s := range r.Samples[metricRSS] {
		memory = append(memory, sample{s.At, s.Value * 1e-6})
		most = max(most, s.Value*1e-6)
	}
	r.panel(&b, 2*margin+panelHeight, "Resident memory, MB", memory, most*1.1, false)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#555">minutes</text>`+"\n</svg>\n", margin+chartWidth, height-10)
	return b.String()
}

// panel draws one line. Steps keep their value until the next sample.
func (r *result) panel(b *strings.Builder, top int, title string, line []sample, most float64, steps bool) {
	x := func(at time.Duration) float64 { return margin + chartWidth*at.Seconds()/max(r.Length.Seconds(), 1) }
	y := func(v float64) float64 { return float64(top+panelHeight) - panelHeight*v/most }
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", margin, top-10, title)
	for _, v := range []float64{0, most / 2, most} {
		fmt.Fprintf(b, `<line x1="%d" y1="%.0f" x2="%d" y2="%.0f" stroke="#ddd"/><text x="%d" y="%.0f" text-anchor="end">%.0f</text>`+"\n",
			margin, y(v), margin+chartWidth, y(v), margin-6, y(v)+4, v)
	}
	tick := max(r.Length/6, time.Minute).Round(time.Minute)
	for at := time.Duration(0); at <= r.Length; at += tick {
		fmt.Fprintf(b, `<text x="%.0f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(at), top+panelHeight+16, at.Minutes())
	}
	var path strings.Builder
	for i, s := range line {
		switch {
		case i == 0:
			fmt.Fprintf(&path, "M%.1f %.1f", x(s.At), y(s.Value))
		case steps:
			fmt.Fprintf(&path, "H%.1fV%.1f", x(s.At), y(s.Value))
		default:
			fmt.Fprintf(&path, "L%.1f %.1f", x(s.At), y(s.Value))
		}
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="#1f7a5c" stroke-width="1.2"/>`+"\n", path.String())
}
