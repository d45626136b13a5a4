//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// subjects are the programs under test, in the order of a round.
var subjects = []string{"mediamtx", "rtsp2whip"}

// result is one run of one program.
type result struct {
	Scene     string
	Program   string
	Cameras   int
	Round     int
	Seconds   float64 // measured over
	User      float64 // seconds of CPU of the program
	System    float64
	RSS       int64   // bytes at the end
	Up        float64 // seconds until every camera's first whole picture had arrived
	Simulator float64 // seconds of CPU of the cameras
	Sink      float64 // seconds of CPU of the receiver
	Calls     float64 // system calls a picture, counted after the rest; 0: not counted
	Sent      cameraStats
	Received  sinkStats
}

// cpu is the share of one core.
func (r result) cpu() float64 { return (r.User + r.System) / r.Seconds }

// run measures everything and writes the report.
func (p *plan) run() error {
	dir, err := os.MkdirTemp("", "rtsp2whip-bench-")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "bench: logs of all programs are in", dir)
	doc := p.newPaper()
	for _, s := range p.Scenes {
		var results []result
		for _, n := range s.Cameras {
			got, err := p.measureCount(dir, s, n)
			if err != nil {
				return fmt.Errorf("%s, %d cameras: %w; see %s", s, n, err, dir)
			}
			results = append(results, got...)
		}
		doc.add(s, results)
	}
	if p.Beside {
		if doc.Beside, err = p.measureBeside(dir); err != nil {
			return fmt.Errorf("%w; see %s", err, dir)
		}
	}
	if p.Symbols != "" {
		if doc.Profile, err = p.profile(dir); err != nil {
			return fmt.Errorf("profile: %w; see %s", err, dir)
		}
	}
	if err := p.report(doc); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// measureCount runs the programs in turn on the same cameras and receiver.
func (p *plan) measureCount(dir string, s scene, n int) ([]result, error) {
	cameras, sink, err := p.stage(dir, s, n)
	if err != nil {
		return nil, err
	}
	defer cameras.end()
	defer sink.end()
	var out []result
	for round := range p.Rounds {
		for _, name := range subjects {
			if p.Only != "" && p.Only != name {
				continue
			}
			r, err := p.measure(dir, s, name, n, round, cameras, sink)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", name, round+1, err)
			}
			out = append(out, r)
			fmt.Fprintf(os.Stderr, "bench: %s, %3d cameras, round %d, %-9s %5.1f %% of a core, %4.0f MB, p99 %6.2f ms, %d lost, up in %.1f s\n",
				s, n, round+1, name, r.cpu()*100, float64(r.RSS)/1e6, r.Received.Last.P99/1000, r.Received.Lost, r.Up)
		}
	}
	return out, nil
}

// stage starts cameras and a receiver.
func (p *plan) stage(dir string, s scene, n int) (cameras, sink *process, err error) {
	port, err := freePorts()
	if err != nil {
		return nil, nil, err
	}
	cameras, err = launchSelf(filepath.Join(dir, "cameras.log"), "cameras",
		fmt.Sprint("-n=", n), fmt.Sprint("-slices=", s.Slices), fmt.Sprint("-port=", port))
	if err != nil {
		return nil, nil, err
	}
	sink, err = launchSelf(filepath.Join(dir, "sink.log"), "sink")
	if err != nil {
		cameras.end()
		return nil, nil, err
	}
	return cameras, sink, nil
}

// measure is one run of one program.
func (p *plan) measure(dir string, s scene, name string, n, round int, cameras, sink *process) (result, error) {
	r := result{Scene: s.String(), Program: name, Cameras: n, Round: round}
	log := filepath.Join(dir, fmt.Sprintf("%s-%s-%d-%d-%d.log", name, s.Transport, s.Slices, n, round))
	began := time.Now()
	subject, err := p.launch(dir, log, name, s.Transport, ways(n, cameras.said.URL, sink.said.URL, filepath.Base(log)))
	if err != nil {
		return r, err
	}
	defer subject.end()
	if err := awaitAll(subject, sink, n); err != nil {
		return r, fmt.Errorf("%w; see %s", err, log)
	}
	r.Up = time.Since(began).Seconds()
	time.Sleep(p.Warmup)

	if err := forget(sink); err != nil {
		return r, err
	}
	var sent cameraStats
	if err := cameras.ask(&sent); err != nil {
		return r, err
	}
	all := []*process{subject, cameras, sink}
	before, start := make([]usage, len(all)), time.Now()
	for i, q := range all {
		if before[i], err = q.cpu(); err != nil {
			return r, err
		}
	}
	stopPerf, err := p.perf(name, n, subject)
	if err != nil {
		return r, err
	}
	time.Sleep(p.Duration)
	used := make([]usage, len(all))
	for i, q := range all {
		after, err := q.cpu()
		if err != nil {
			return r, err
		}
		used[i] = after.minus(before[i])
	}
	r.Seconds = time.Since(start).Seconds()
	r.User, r.System = used[0].user.Seconds(), used[0].system.Seconds()
	r.Simulator, r.Sink = used[1].total().Seconds(), used[2].total().Seconds()
	if r.RSS, err = subject.rss(); err != nil {
		return r, err
	}
	if err := sink.ask(&r.Received); err != nil {
		return r, err
	}
	if err := cameras.ask(&r.Sent); err != nil {
		return r, err
	}
	stopPerf()
	// Counting costs a little, so it comes last, and once.
	if round == 0 {
		if r.Calls, err = systemCalls(subject, cameras); err != nil {
			return r, err
		}
	}
	r.Sent.Pictures -= sent.Pictures
	r.Sent.Packets -= sent.Packets
	r.Sent.Overruns -= sent.Overruns
	return r, nil
}

// perf records a profile while a run of rtsp2whip is measured, if wanted. Such a
// run's figures are not for publication.
func (p *plan) perf(name string, n int, subject *process) (stop func(), err error) {
	if p.Perf == "" || name != "rtsp2whip" {
		return func() {}, nil
	}
	cmd := exec.Command("perf", "record", "-q", "-g", "-F", "997", "-o", filepath.Join(p.Perf, fmt.Sprintf("perf-%d.data", n)), //nolint:gosec // a tool for developers
		"-p", fmt.Sprint(subject.cmd.Process.Pid))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}, nil
}

// awaitAll waits until a whole picture of every camera has arrived.
func awaitAll(subject, sink *process, n int) error {
	deadline := time.Now().Add(90 * time.Second)
	var seen sinkStats
	for time.Now().Before(deadline) {
		if err := sink.ask(&seen); err != nil {
			return err
		}
		if seen.Sessions >= n {
			return nil
		}
		select {
		case <-subject.done:
			return fmt.Errorf("the program has ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("only %d of %d cameras arrived", seen.Sessions, n)
}

// forget makes the receiver count from zero.
func forget(sink *process) error {
	req, err := http.NewRequest(http.MethodDelete, sink.said.URL+"/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// way is one camera's: from an RTSP URL to a WHIP endpoint.
type way struct{ from, to string }

// ways are those of n cameras, from the first URL's paths to the second's. mark
// tells one run's sessions from another's.
func ways(n int, from, to, mark string) []way {
	out := make([]way, n)
	for i := range out {
		out[i] = way{fmt.Sprintf("%s/%d", from, i), fmt.Sprintf("%s/%s-%d", to, mark, i)}
	}
	return out
}

// launch writes a program's configuration and starts it.
func (p *plan) launch(dir, log, name, transport string, all []way) (*process, error) {
	var b strings.Builder
	transport = strings.ToLower(transport)
	path, args := p.RTSP2WHIP, []string{"run", "-c"}
	if name == "mediamtx" {
		path, args = p.MediaMTX, nil
		b.WriteString("logLevel: warn\nrtsp: false\nrtmp: false\nhls: false\nwebrtc: false\nsrt: false\nmoq: false\npaths:\n")
	} else {
		fmt.Fprintf(&b, "log: {level: error}\nadmin: {listen: %q, pprof: %t}\ndefaults: {transport: %s}\ncameras:\n",
			p.Admin, p.Admin != "", transport)
	}
	for i, w := range all {
		if name == "mediamtx" {
			fmt.Fprintf(&b, "  c%d: {source: \"%s\", rtspTransport: %s, forward: [{dest: \"whip%s\"}]}\n",
				i, w.from, transport, strings.TrimPrefix(w.to, "http"))
		} else {
			fmt.Fprintf(&b, "  - {name: c%d, url: \"%s\", whip: {url: \"%s\"}}\n", i, w.from, w.to)
		}
	}
	config := filepath.Join(dir, name+".yml")
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	return launch(log, path, append(args, config)...)
}

// freePorts finds four free ports in a row, the first one even.
func freePorts() (int, error) {
	for port := 20000; port < 31000; port += 4 {
		free := true
		for i := port; i < port+4; i++ {
			l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: i})
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: i})
			if err != nil {
				free = false
				break
			}
			_ = c.Close()
		}
		if free {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no four free ports in a row")
}
