//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// dispatch runs one of the programs that this one is.
func dispatch(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "cameras":
			return camerasMain(args[1:])
		case "sink":
			return sinkMain(args[1:])
		case "pgo":
			return pgoMain(args[1:])
		}
	}
	plan, err := parsePlan(args)
	if err != nil {
		return err
	}
	return plan.run()
}

// plan is what to measure, and where to write it.
type plan struct {
	Scenes   []scene
	Beside   bool // what happens beside cameras or servers that are down, too
	Rounds   int
	Duration time.Duration
	Warmup   time.Duration

	MediaMTX  string // program
	RTSP2WHIP string
	Symbols   string // rtsp2whip with its symbol table, for the profile; "": no profile
	Only      string // one of the two programs, for profiling
	Out       string // directory of the report; "" prints the tables only
	Perf      string // a directory for perf.data of each run of rtsp2whip
	Admin     string // where rtsp2whip serves its profiles; "": not at all
}

// scene is one kind of camera, in several numbers. It has a table of its own.
type scene struct {
	Transport string // TCP or UDP, between cameras and program
	Slices    int    // in a picture
	Cameras   []int
}

func (s scene) String() string {
	if s.Slices == 1 {
		return s.Transport
	}
	return fmt.Sprintf("%s, %d slices", s.Transport, s.Slices)
}

// published are the scenes of docs/benchmarks.md.
var published = []scene{
	{Transport: "TCP", Slices: 1, Cameras: []int{1, 10, 50, 100}},
	{Transport: "TCP", Slices: 4, Cameras: []int{10, 50}},
	{Transport: "UDP", Slices: 1, Cameras: []int{10, 50}},
}

func parsePlan(args []string) (*plan, error) {
	p := &plan{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	cameras := f.String("cameras", "", "numbers of cameras, separated by commas; with -transport and -slices one table instead of all")
	beside := f.Bool("beside", false, "only what happens when cameras or servers are down")
	quick := f.Bool("quick", false, "10 cameras over TCP, two rounds of 8 s: to see that it works")
	transport := f.String("transport", "tcp", "tcp or udp, between cameras and program")
	slices := f.Int("slices", 1, "slices in a picture")
	f.IntVar(&p.Rounds, "rounds", 3, "rounds; in each of them both programs run")
	f.DurationVar(&p.Duration, "duration", 10*time.Second, "how long to measure in each run")
	f.DurationVar(&p.Warmup, "warmup", 4*time.Second, "how long to wait before that, once all cameras are up")
	f.StringVar(&p.MediaMTX, "mediamtx", "", "the MediaMTX program")
	f.StringVar(&p.RTSP2WHIP, "rtsp2whip", "", "the rtsp2whip program")
	f.StringVar(&p.Symbols, "symbols", "", "rtsp2whip with its symbols, for the flame graph")
	f.StringVar(&p.Only, "only", "", "measure one program only: mediamtx or rtsp2whip")
	f.StringVar(&p.Out, "out", "", "directory to write benchmarks.json, .md and .svg, and flame.svg to")
	f.StringVar(&p.Perf, "perf", "", "directory for a perf.data of each run of rtsp2whip; needs perf")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	if *quick {
		for name, value := range map[string]string{"cameras": "10", "rounds": "2", "duration": "8s", "warmup": "3s"} {
			if !given[name] {
				_ = f.Set(name, value)
			}
		}
	}
	if err := p.programs(); err != nil {
		return nil, err
	}
	if p.Rounds < 1 || p.Duration < time.Second {
		return nil, fmt.Errorf("-rounds or -duration is out of range")
	}
	if *beside {
		if p.Out != "" || p.Only != "" {
			return nil, fmt.Errorf("-beside prints one table: leave out -out and -only")
		}
		p.Beside, p.Symbols = true, ""
		return p, nil
	}
	if !*quick && !given["cameras"] && !given["transport"] && !given["slices"] {
		p.Scenes, p.Beside = published, p.Only == ""
		return p, nil
	}
	if *cameras == "" {
		_ = f.Set("cameras", "10,50")
	}
	one, err := newScene(*transport, *slices, *cameras)
	p.Scenes = []scene{one}
	return p, err
}

func newScene(transport string, slices int, cameras string) (scene, error) {
	s := scene{Transport: strings.ToUpper(transport), Slices: slices}
	for _, text := range strings.Split(cameras, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > 1000 {
			return s, fmt.Errorf("-cameras: %q is no number of cameras", text)
		}
		s.Cameras = append(s.Cameras, n)
	}
	if s.Transport != "TCP" && s.Transport != "UDP" {
		return s, fmt.Errorf("-transport: %q is neither tcp nor udp", transport)
	}
	if slices < 1 || slices > 8 {
		return s, fmt.Errorf("-slices: %d is not in 1 to 8", slices)
	}
	return s, nil
}

// programs makes the paths absolute: each process has a working directory of its
// own.
func (p *plan) programs() error {
	for name, path := range map[string]*string{"mediamtx": &p.MediaMTX, "rtsp2whip": &p.RTSP2WHIP} {
		if p.Only != "" && p.Only != name {
			*path = ""
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		if info, err := os.Stat(abs); err != nil || info.IsDir() {
			return fmt.Errorf("-%s: %q is no program", name, *path)
		}
		*path = abs
	}
	if p.Symbols != "" {
		abs, err := filepath.Abs(p.Symbols)
		if err != nil {
			return err
		}
		p.Symbols = abs
	}
	return nil
}
