//go:build linux

package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// pgoMain writes the CPU profile by which the compiler optimizes rtsp2whip
// (cmd/rtsp2whip/default.pgo): the benchmark's cameras, played by the program itself.
func pgoMain(args []string) error {
	p := &plan{}
	f := flag.NewFlagSet("pgo", flag.ContinueOnError)
	n := f.Int("cameras", 100, "how many")
	f.DurationVar(&p.Duration, "duration", 25*time.Second, "how long to sample, which the program bounds to 25 s")
	f.DurationVar(&p.Warmup, "warmup", 5*time.Second, "how long to wait before that: what only beginnings cost is not to count")
	f.StringVar(&p.RTSP2WHIP, "rtsp2whip", "", "the program")
	out := f.String("out", "default.pgo", "file to write")
	if err := f.Parse(args); err != nil {
		return err
	}
	p.Only = "rtsp2whip"
	if err := p.programs(); err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.Admin = l.Addr().String()
	_ = l.Close()
	dir, err := os.MkdirTemp("", "rtsp2whip-pgo-")
	if err != nil {
		return err
	}
	s := scene{Transport: "TCP", Slices: 1}
	cameras, sink, err := p.stage(dir, s, *n)
	if err != nil {
		return err
	}
	defer cameras.end()
	defer sink.end()
	subject, err := p.launch(dir, filepath.Join(dir, "rtsp2whip.log"), "rtsp2whip", s.Transport,
		ways(*n, cameras.said.URL, sink.said.URL, "pgo"))
	if err != nil {
		return err
	}
	defer subject.end()
	if err := awaitAll(subject, sink, *n); err != nil {
		return fmt.Errorf("%w; see %s", err, dir)
	}
	time.Sleep(p.Warmup)
	if err := fetch(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", p.Admin, p.Duration.Seconds()), *out); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// fetch writes what is at a URL to a file.
func fetch(url, path string) error {
	res, err := http.Get(url) //nolint:gosec // the program under test
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, res.Body); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
