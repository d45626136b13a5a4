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

// dispatch runs one of the three programs that this one is.
func dispatch(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "cameras":
			return camerasMain(args[1:])
		case "sink":
			return sinkMain(args[1:])
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
	Cameras  []int
	Rounds   int
	Duration time.Duration
	Warmup   time.Duration
	UDP      bool // cameras send over UDP, not TCP
	Slices   int  // per picture

	MediaMTX  string // program
	RTSP2WHIP string
	Only      string // one of the two programs, for profiling
	Out       string // directory of the report; "" prints the table only
	Perf      string // a directory for perf.data of each run of rtsp2whip
}

func parsePlan(args []string) (*plan, error) {
	p := &plan{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	cameras := f.String("cameras", "1,10,50,100", "numbers of cameras, separated by commas")
	quick := f.Bool("quick", false, "10 cameras, two rounds of 8 s: to see that it works")
	transport := f.String("transport", "tcp", "tcp or udp, between cameras and program")
	f.IntVar(&p.Rounds, "rounds", 3, "rounds; in each of them both programs run")
	f.DurationVar(&p.Duration, "duration", 15*time.Second, "how long to measure in each run")
	f.DurationVar(&p.Warmup, "warmup", 5*time.Second, "how long to wait before that, once all cameras are up")
	f.IntVar(&p.Slices, "slices", 1, "slices in a picture")
	f.StringVar(&p.MediaMTX, "mediamtx", "", "the MediaMTX program")
	f.StringVar(&p.RTSP2WHIP, "rtsp2whip", "", "the rtsp2whip program")
	f.StringVar(&p.Only, "only", "", "measure one program only: mediamtx or rtsp2whip")
	f.StringVar(&p.Out, "out", "", "directory to write benchmarks.json, benchmarks.md and benchmarks.svg to")
	f.StringVar(&p.Perf, "perf", "", "directory for a perf.data of each run of rtsp2whip; needs perf")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if *quick {
		given := map[string]bool{}
		f.Visit(func(g *flag.Flag) { given[g.Name] = true })
		for name, value := range map[string]string{"cameras": "10", "rounds": "2", "duration": "8s", "warmup": "3s"} {
			if !given[name] {
				_ = f.Set(name, value)
			}
		}
	}
	if err := p.programs(); err != nil {
		return nil, err
	}
	for _, s := range strings.Split(*cameras, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-cameras: %q is no number of cameras", s)
		}
		p.Cameras = append(p.Cameras, n)
	}
	switch *transport {
	case "tcp":
	case "udp":
		p.UDP = true
	default:
		return nil, fmt.Errorf("-transport: %q is neither tcp nor udp", *transport)
	}
	if p.Slices < 1 || p.Slices > 8 || p.Rounds < 1 || p.Duration < time.Second {
		return nil, fmt.Errorf("-slices, -rounds or -duration is out of range")
	}
	return p, nil
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
	return nil
}
