//go:build linux

package main

import (
	"fmt"
	"math"
	"strings"
)

// A chart has two panels of bars, one pair for each number of cameras.
const (
	panelWidth  = 360
	panelHeight = 220
	margin      = 48
)

var colours = map[string]string{"mediamtx": "#9aa5b1", "rtsp2whip": "#1f7a5c"}

// chart draws CPU and p99 latency as SVG.
func (d *paper) chart(t sceneResult) string {
	var b strings.Builder
	width, height := 2*(panelWidth+margin)+margin, panelHeight+2*margin+24
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	t.panel(&b, margin, "CPU, % of one core", func(f figures) float64 { return f.CPU })
	t.panel(&b, panelWidth+2*margin, "p99 of added latency, ms", func(f figures) float64 { return f.Last.P99 })
	for i, name := range subjects {
		x, y := margin+i*110, height-14
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n",
			x, y-10, colours[name], x+18, y, name)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#555">%s, %s</text>`+"\n</svg>\n", width-margin, height-14, d.Date, escape(d.Machine))
	return b.String()
}

func (d sceneResult) panel(b *strings.Builder, left int, title string, value func(figures) float64) {
	most := 0.0
	for _, r := range d.Rows {
		for _, f := range r.By {
			most = math.Max(most, value(f))
		}
	}
	top, bottom := float64(margin), float64(margin+panelHeight)
	scale := panelHeight / math.Max(most, 1e-9) * 0.92
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left, margin-18, escape(title))
	fmt.Fprintf(b, `<line x1="%d" y1="%.0f" x2="%d" y2="%.0f" stroke="#333"/>`+"\n", left, bottom, left+panelWidth, bottom)
	group := float64(panelWidth) / float64(max(len(d.Rows), 1))
	bar := group * 0.34
	for i, r := range d.Rows {
		middle := float64(left) + group*(float64(i)+0.5)
		for k, name := range subjects {
			f, ok := r.By[name]
			if !ok {
				continue
			}
			v := value(f)
			x, h := middle+(float64(k)-1)*bar, v*scale
			y := math.Max(bottom-h, top)
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x+1, y, bar-2, bottom-y, colours[name])
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="10">%.3g</text>`+"\n", x+bar/2, y-3, v)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.0f" text-anchor="middle">%d</text>`+"\n", middle, bottom+16, r.Cameras)
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.0f" text-anchor="middle" fill="#555">cameras</text>`+"\n", float64(left)+panelWidth/2, bottom+32)
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
