package main

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// Sizes of the flame graph, in pixels.
const (
	flameWidth = 1200.0
	flameRow   = 17.0
	flameLeast = 0.6 // narrower boxes are left out
	flameChar  = 6.6 // a letter is about this wide
)

// node is a function as it was called from a certain stack.
type node struct {
	name  string
	count int // samples in it, and in what it called
	calls map[string]*node
}

// flame draws samples: each box is a function, as wide as its share of the time and
// above the one that called it. It stands alone and needs no script.
func flame(title string, samples []sample) string {
	root := &node{name: "all", calls: map[string]*node{}}
	for _, s := range samples {
		at := root
		at.count += s.count
		for _, name := range s.stack {
			next := at.calls[name]
			if next == nil {
				next = &node{name: name, calls: map[string]*node{}}
				at.calls[name] = next
			}
			next.count += s.count
			at = next
		}
	}
	scale := flameWidth / float64(max(root.count, 1))
	rows := root.depth(scale)
	height := float64(rows)*flameRow + 40
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="monospace" font-size="11">`+"\n", flameWidth, height)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#fff"/><text x="6" y="18" font-size="14">%s: %d samples; point at a box to read it</text>`+"\n",
		flameWidth, height, escape(title), root.count)
	root.draw(&b, 0, height-flameRow-4, scale, root.count)
	b.WriteString("</svg>\n")
	return b.String()
}

// depth is the number of rows that are drawn.
func (n *node) depth(scale float64) int {
	most := 0
	for _, c := range n.calls {
		if float64(c.count)*scale >= flameLeast {
			most = max(most, c.depth(scale))
		}
	}
	return most + 1
}

func (n *node) draw(b *strings.Builder, x, y, scale float64, total int) {
	width := float64(n.count) * scale
	fmt.Fprintf(b, `<g><title>%s: %.1f %%</title><rect x="%.1f" y="%.0f" width="%.1f" height="%.0f" fill="%s"/>`,
		escape(n.name), 100*float64(n.count)/float64(max(total, 1)), x, y, max(width-0.4, 0.2), flameRow-1, colour(n.name))
	if letters := int((width - 6) / flameChar); letters >= 3 {
		label := short(n.name)
		if len(label) > letters {
			label = label[:letters-1] + "…"
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.0f">%s</text>`, x+3, y+12, escape(label))
	}
	b.WriteString("</g>\n")
	for _, name := range slices.Sorted(maps.Keys(n.calls)) {
		c := n.calls[name]
		w := float64(c.count) * scale
		if w >= flameLeast {
			c.draw(b, x, y-flameRow, scale, total)
		}
		x += w
	}
}

// short is a function's name without the path of its package.
func short(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// colour is warm for the kernel, green for this program, blue for its libraries, and
// grey for Go's runtime, a little different for each function.
func colour(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	shade := int(h.Sum32() % 40)
	switch {
	case strings.Contains(name, "rtsp2whip"):
		return fmt.Sprintf("rgb(%d,%d,%d)", 130+shade, 200+shade/2, 140+shade)
	case strings.HasPrefix(name, "runtime."), strings.HasPrefix(name, "internal/"), strings.HasPrefix(name, "sync"):
		return fmt.Sprintf("rgb(%d,%d,%d)", 200+shade/2, 200+shade/2, 205+shade/2)
	case strings.Contains(name, "."):
		return fmt.Sprintf("rgb(%d,%d,%d)", 140+shade, 180+shade/2, 225+shade/2)
	default:
		return fmt.Sprintf("rgb(%d,%d,%d)", 235, 160+shade, 100+shade)
	}
}
