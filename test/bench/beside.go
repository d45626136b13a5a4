//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// besideRow is what a program does where something is down.
type besideRow struct {
	What    string
	Program string
	CPU     float64 // percent of one core
	Last    latency // ms, of the cameras that are up; zero if there are none
	Lost    uint64  // packets of theirs
	Missing uint64  // pictures of theirs
}

// idleCameras is how many are down at once.
const idleCameras = 100

// Both programs may be quick in the first half minute: whatever is down then may only
// be restarting. idleFor is how long cameras that are down have been so when it is
// measured for idleSpan what they cost.
const (
	idleFor  = time.Minute
	idleSpan = time.Minute
)

// besideScene are the cameras that are up while others are not.
var besideScene = scene{Transport: "TCP", Slices: 1, Cameras: []int{20}}

// measureBeside looks at what is not the ordinary case: cameras that are all down,
// and a server that hangs beside one that does not.
func (p *plan) measureBeside(dir string) ([]besideRow, error) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer silent.Close() //nolint:errcheck // at the end
	go swallow(silent)
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_ = refused.Close()
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer hanging.Close() //nolint:errcheck // at the end
	go hang(hanging)

	var out []besideRow
	for _, down := range []struct {
		what string
		at   net.Addr
	}{{"refuse connections", refused.Addr()}, {"accept connections and stay silent", silent.Addr()}} {
		for _, name := range subjects {
			cpu, err := p.idle(dir, name, "rtsp://"+down.at.String())
			if err != nil {
				return nil, err
			}
			row := besideRow{What: fmt.Sprintf("%d cameras, all down for a minute and more: they %s", idleCameras, down.what), Program: name, CPU: cpu}
			out = append(out, row)
		}
	}
	for _, stuck := range []string{"", "http://" + hanging.Addr().String()} {
		for _, name := range subjects {
			row, err := p.withStuck(dir, name, stuck)
			if err != nil {
				return nil, err
			}
			out = append(out, row)
		}
	}
	return out, nil
}

// idle is the share of a core that a program takes whose cameras are all down.
func (p *plan) idle(dir, name, cameras string) (float64, error) {
	log := filepath.Join(dir, "idle-"+name+".log")
	subject, err := p.launch(dir, log, name, "TCP", ways(idleCameras, cameras, "http://127.0.0.1:1", "idle"))
	if err != nil {
		return 0, err
	}
	defer subject.end()
	time.Sleep(idleFor)
	before, err := subject.cpu()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	time.Sleep(idleSpan)
	after, err := subject.cpu()
	if err != nil {
		return 0, err
	}
	cpu := 100 * after.minus(before).total().Seconds() / time.Since(start).Seconds()
	fmt.Printf("bench: idle, %-9s %5.2f %% of a core\n", name, cpu)
	return cpu, nil
}

// withStuck measures cameras whose server is well beside four whose server takes
// requests and never answers, if stuck is not empty.
func (p *plan) withStuck(dir, name, stuck string) (besideRow, error) {
	n := besideScene.Cameras[0]
	row := besideRow{What: fmt.Sprintf("%d cameras", n), Program: name}
	extra := 0
	if stuck != "" {
		extra = 4
		row.What += fmt.Sprintf(", beside %d whose server never answers", extra)
	}
	cameras, sink, err := p.stage(dir, besideScene, n+extra)
	if err != nil {
		return row, err
	}
	defer cameras.end()
	defer sink.end()
	all := ways(n, cameras.said.URL, sink.said.URL, name)
	for i := range extra {
		all = append(all, way{fmt.Sprintf("%s/%d", cameras.said.URL, n+i), fmt.Sprintf("%s/%d", stuck, i)})
	}
	subject, err := p.launch(dir, filepath.Join(dir, "stuck-"+name+".log"), name, "TCP", all)
	if err != nil {
		return row, err
	}
	defer subject.end()
	if err := awaitAll(subject, sink, n); err != nil {
		return row, err
	}
	time.Sleep(p.Warmup)
	if err := forget(sink); err != nil {
		return row, err
	}
	before, err := subject.cpu()
	if err != nil {
		return row, err
	}
	start := time.Now()
	time.Sleep(p.Duration)
	after, err := subject.cpu()
	if err != nil {
		return row, err
	}
	row.CPU = 100 * after.minus(before).total().Seconds() / time.Since(start).Seconds()
	var seen sinkStats
	if err := sink.ask(&seen); err != nil {
		return row, err
	}
	row.Last = latency{seen.Last.P50 / 1000, seen.Last.P99 / 1000, seen.Last.Max / 1000}
	row.Lost, row.Missing = seen.Lost, seen.Missing
	return row, nil
}

// swallow takes what comes and says nothing.
func swallow(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close() //nolint:errcheck // whatever
			_, _ = io.Copy(io.Discard, c)
		}()
	}
}

// hang is a server that reads requests and never answers.
func hang(l net.Listener) {
	_ = http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { //nolint:gosec // local
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
}
