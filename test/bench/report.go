//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/machine"
)

// paper is all that is published: JSON as it stands here, and tables and charts
// made of it.
type paper struct {
	Date      string
	Machine   string
	MediaMTX  string
	RTSP2WHIP string
	Go        string
	Rounds    int
	Seconds   float64
	Scenes    []sceneResult
	Beside    []besideRow
	Profile   []share
}

// sceneResult is one table.
type sceneResult struct {
	Scene  scene
	Rows   []row
	Memory map[string]line
	Runs   []result
}

// row is what a number of cameras came to: medians of the rounds.
type row struct {
	Cameras int
	By      map[string]figures
	// CPU of rtsp2whip as a share of MediaMTX's, the least and the greatest of the
	// rounds.
	Least, Greatest float64
}

// figures are of one program.
type figures struct {
	CPU       float64 // percent of one core
	User      float64 // of that
	PerPacket float64 // us of CPU for each packet of the cameras'
	RSS       float64 // MB
	First     latency // ms
	Last      latency // ms; max is the largest of all rounds
	Lost      uint64  // packets, all rounds
	Missing   uint64  // pictures, all rounds
	Up        float64 // s
	Simulator float64 // percent of one core
	Sink      float64
	Calls     float64 // system calls a picture; 0: not counted
}

// line is memory as a base and a slope, in MB and MB a camera.
type line struct{ Base, Slope float64 }

func (p *plan) report(doc *paper) error {
	for _, t := range doc.Scenes {
		fmt.Printf("%s\n\n%s\n", t.Scene, doc.markdown(t))
	}
	fmt.Println(doc.besideTable() + "\n" + doc.profileTable())
	if p.Out == "" {
		return nil
	}
	text, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return err
	}
	base := filepath.Join(p.Out, "benchmarks")
	if err := os.WriteFile(base+".json", append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(base+".svg", []byte(doc.chart(doc.Scenes[0])), 0o644); err != nil {
		return err
	}
	for _, t := range doc.Scenes {
		if err := insert(base+".md", t.Scene.String(), doc.markdown(t)); err != nil {
			return err
		}
	}
	if len(doc.Beside) > 0 {
		if err := insert(base+".md", "beside", doc.besideTable()); err != nil {
			return err
		}
	}
	if len(doc.Profile) > 0 {
		return insert(base+".md", "profile", doc.profileTable())
	}
	return nil
}

// insert replaces what stands between two markers of a page.
func insert(page, name, text string) error {
	begin, end := "<!-- measured "+name+": begin -->\n", "<!-- measured "+name+": end -->"
	old, err := os.ReadFile(page)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		before, after = string(old)+"\n", "\n"
	}
	return os.WriteFile(page, []byte(before+begin+"\n"+text+"\n"+end+after), 0o644)
}

func (p *plan) newPaper() *paper {
	return &paper{
		Date: time.Now().UTC().Format("2006-01-02 15:04 MST"), Machine: machine.Describe(), Go: runtime.Version(),
		MediaMTX: firstLine(p.MediaMTX, "--version"), RTSP2WHIP: firstLine(p.RTSP2WHIP, "version"),
		Rounds: p.Rounds, Seconds: p.Duration.Seconds(),
	}
}

func (d *paper) add(s scene, results []result) {
	t := sceneResult{Scene: s, Memory: map[string]line{}, Runs: results}
	for _, n := range s.Cameras {
		r := row{Cameras: n, By: map[string]figures{}}
		for _, name := range subjects {
			if of := pick(results, name, n); len(of) > 0 {
				r.By[name] = condense(of)
			}
		}
		r.Least, r.Greatest = spread(pick(results, "rtsp2whip", n), pick(results, "mediamtx", n))
		t.Rows = append(t.Rows, r)
	}
	for _, name := range subjects {
		t.Memory[name] = t.fit(name)
	}
	d.Scenes = append(d.Scenes, t)
}

// spread is the least and the greatest share of CPU among the rounds.
func spread(ours, theirs []result) (least, greatest float64) {
	for i := range min(len(ours), len(theirs)) {
		ratio := ours[i].cpu() / theirs[i].cpu()
		if i == 0 {
			least, greatest = ratio, ratio
		}
		least, greatest = min(least, ratio), max(greatest, ratio)
	}
	return least, greatest
}

func pick(results []result, name string, n int) []result {
	var out []result
	for _, r := range results {
		if r.Program == name && r.Cameras == n {
			out = append(out, r)
		}
	}
	return out
}

func condense(of []result) figures {
	mid := func(f func(result) float64) float64 {
		v := make([]float64, len(of))
		for i, r := range of {
			v[i] = f(r)
		}
		return median(v)
	}
	ms := func(get func(result) latency) latency {
		return latency{
			P50: mid(func(r result) float64 { return get(r).P50 / 1000 }),
			P99: mid(func(r result) float64 { return get(r).P99 / 1000 }),
			Max: get(slices.MaxFunc(of, func(a, b result) int { return int(get(a).Max - get(b).Max) })).Max / 1000,
		}
	}
	f := figures{
		CPU:       mid(func(r result) float64 { return 100 * r.cpu() }),
		User:      mid(func(r result) float64 { return 100 * r.User / r.Seconds }),
		PerPacket: mid(func(r result) float64 { return 1e6 * (r.User + r.System) / float64(max(r.Sent.Packets, 1)) }),
		RSS:       mid(func(r result) float64 { return float64(r.RSS) / 1e6 }),
		First:     ms(func(r result) latency { return r.Received.First }),
		Last:      ms(func(r result) latency { return r.Received.Last }),
		Up:        mid(func(r result) float64 { return r.Up }),
		Simulator: mid(func(r result) float64 { return 100 * r.Simulator / r.Seconds }),
		Sink:      mid(func(r result) float64 { return 100 * r.Sink / r.Seconds }),
	}
	for _, r := range of {
		f.Lost += r.Received.Lost
		f.Missing += r.Received.Missing
		f.Calls = max(f.Calls, r.Calls) // counted in one round
	}
	return f
}

func median(v []float64) float64 {
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// fit is the line of least squares through the memory.
func (d sceneResult) fit(name string) line {
	var n, x, y, xx, xy float64
	for _, r := range d.Rows {
		f, ok := r.By[name]
		if !ok {
			continue
		}
		c := float64(r.Cameras)
		n, x, y, xx, xy = n+1, x+c, y+f.RSS, xx+c*c, xy+c*f.RSS
	}
	if n < 2 {
		return line{}
	}
	slope := (n*xy - x*y) / (n*xx - x*x)
	return line{Base: (y - slope*x) / n, Slope: slope}
}

// markdown is ratios first, then figures.
func (d *paper) markdown(t sceneResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s; %s, MediaMTX %s, rtsp2whip %s. RTSP over %s, %d slice(s) a picture, medians of %d rounds of %.0f s.\n\n",
		d.Date, d.Machine, d.Go, d.MediaMTX, d.RTSP2WHIP, t.Scene.Transport, t.Scene.Slices, d.Rounds, d.Seconds)
	b.WriteString("rtsp2whip as a share of MediaMTX (less is better; in brackets the least and the greatest of the rounds):\n\n" +
		"| Cameras | CPU | p50 | p99 | memory | system calls |\n|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range t.Rows {
		m, ok1 := r.By["mediamtx"]
		w, ok2 := r.By["rtsp2whip"]
		if ok1 && ok2 {
			fmt.Fprintf(&b, "| %d | **%.2f** (%.2f to %.2f) | %.2f | **%.2f** | %.2f | %s |\n", r.Cameras,
				w.CPU/m.CPU, r.Least, r.Greatest, w.Last.P50/m.Last.P50, w.Last.P99/m.Last.P99, w.RSS/m.RSS, ratio(w.Calls, m.Calls))
		}
	}
	m, w := t.Memory["mediamtx"], t.Memory["rtsp2whip"]
	if m.Slope > 0 && w.Slope > 0 {
		fmt.Fprintf(&b, "\nMemory a camera: %.2f MB against %.2f MB, **%.2f**; beside a base of %.0f MB against %.0f MB.\n",
			w.Slope, m.Slope, w.Slope/m.Slope, w.Base, m.Base)
	}
	b.WriteString("\n| Cameras | Program | CPU, % of a core | user / system | CPU a packet, us | System calls a picture | Memory, MB | First packet p50 / p99 / max, ms | Last packet p50 / p99 / max, ms | Packets lost | All up, s | Cameras / receiver, % of a core |\n" +
		"|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range t.Rows {
		for _, name := range subjects {
			f, ok := r.By[name]
			if !ok {
				continue
			}
			fmt.Fprintf(&b, "| %d | %s | %.1f | %.1f / %.1f | %.1f | %s | %.0f | %s | %s | %d | %.1f | %.0f / %.0f |\n", r.Cameras, name,
				f.CPU, f.User, f.CPU-f.User, f.PerPacket, counted(f.Calls), f.RSS, f.First.text(), f.Last.text(), f.Lost, f.Up, f.Simulator, f.Sink)
		}
	}
	return b.String()
}

func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "not counted"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func counted(n float64) string {
	if n == 0 {
		return "not counted"
	}
	return fmt.Sprintf("%.1f", n)
}

// besideTable is what happens where something is down.
func (d *paper) besideTable() string {
	if len(d.Beside) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| What | Program | CPU, % of a core | Last packet p50 / p99 / max, ms | Packets lost | Pictures missing |\n|---|---|--:|--:|--:|--:|\n")
	for _, r := range d.Beside {
		last := "-"
		if r.Last.Max > 0 {
			last = r.Last.text()
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f | %s | %d | %d |\n", r.What, r.Program, r.CPU, last, r.Lost, r.Missing)
	}
	return b.String()
}

// profileTable is where the time goes.
func (d *paper) profileTable() string {
	if len(d.Profile) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| Share | For |\n|--:|---|\n")
	for _, s := range d.Profile {
		fmt.Fprintf(&b, "| %.0f %% | %s |\n", 100*s.Share, s.For)
	}
	return b.String()
}

func (l latency) text() string { return fmt.Sprintf("%.2f / %.2f / %.1f", l.P50, l.P99, l.Max) }

// firstLine is what a program says of its version.
func firstLine(program string, arg string) string {
	if program == "" {
		return "not measured"
	}
	out, err := exec.Command(program, arg).Output()
	if err != nil {
		return "of unknown version"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "rtsp2whip "))
}
