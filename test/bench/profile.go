//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// profiled is what the profile is taken of.
var profiled = scene{Transport: "TCP", Slices: 1, Cameras: []int{50}}

// share is a part of all CPU time.
type share struct {
	For   string
	Share float64 // 0 to 1
}

// sample is a stack that was seen so often, outermost function first.
type sample struct {
	stack []string
	count int
}

// profile runs rtsp2whip with symbols under perf, writes the flame graph, and tells
// where the time goes.
func (p *plan) profile(dir string) ([]share, error) {
	if _, err := exec.LookPath("perf"); err != nil {
		fmt.Fprintln(os.Stderr, "bench: no profile: perf is missing")
		return nil, nil
	}
	cameras, sink, err := p.stage(dir, profiled, profiled.Cameras[0])
	if err != nil {
		return nil, err
	}
	defer cameras.end()
	defer sink.end()
	with := *p
	with.RTSP2WHIP, with.Perf = p.Symbols, dir
	if _, err := with.measure(dir, profiled, "rtsp2whip", profiled.Cameras[0], 1, cameras, sink); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, fmt.Sprintf("perf-%d.data", profiled.Cameras[0]))
	text, err := exec.Command("perf", "script", "-i", data, "-F", "ip,sym").Output()
	if err != nil {
		return nil, fmt.Errorf("perf script: %w", err)
	}
	samples := stacks(text)
	if p.Out != "" {
		title := fmt.Sprintf("rtsp2whip, %d cameras, %s", profiled.Cameras[0], time.Now().UTC().Format("2006-01-02"))
		if err := os.WriteFile(filepath.Join(p.Out, "flame.svg"), []byte(flame(title, samples)), 0o644); err != nil {
			return nil, err
		}
	}
	return shares(samples), nil
}

// stacks reads what perf script prints: a block of lines for each sample, innermost
// function first, an address and a name in each.
func stacks(text []byte) []sample {
	counts := map[string]int{}
	var frames []string
	flush := func() {
		if len(frames) > 0 {
			slices.Reverse(frames)
			counts[strings.Join(frames, "\x00")]++
			frames = frames[:0]
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			flush()
			continue
		}
		name := "[unknown]"
		if len(fields) > 1 {
			name = fields[1]
		}
		frames = append(frames, name)
	}
	flush()
	out := make([]sample, 0, len(counts))
	for stack, n := range counts {
		out = append(out, sample{strings.Split(stack, "\x00"), n})
	}
	slices.SortFunc(out, func(a, b sample) int { return slices.Compare(a.stack, b.stack) })
	return out
}

// kind is a sort of work, known by parts of functions' names.
type kind struct {
	what string
	any  []string
}

// kinds are what shares tells apart. The first two are the kernel's: what it does
// for sendmsg is sendmsg's, whoever called it.
var kinds = []kind{
	{"`sendmsg`; on a loopback interface that includes delivering to the receiver", []string{"sys_sendmsg", "__sys_sendto", "udp_sendmsg"}},
	{"reading the cameras' sockets", []string{"sys_read", "sys_recvfrom", "sys_recvmsg", "sys_recvmmsg"}},
	{"waiting and waking up: `epoll_wait`, `futex`, Go's scheduler and timers", []string{
		"sys_epoll", "sys_futex", "runtime.schedule", "runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.netpoll",
		"runtime.sysmon", "runtime.mstart", "runtime.ready", "runtime.checkTimers", "schedule", "sys_sched_yield", "runtime.wakep",
	}},
	{"garbage collector and memory", []string{"runtime.gcBgMarkWorker", "runtime.mallocgc", "runtime.gcAssist", "runtime.bgsweep", "runtime.bgscavenge", "runtime.newobject", "runtime.makeslice", "runtime.growslice"}},
	{"SRTP: AES-GCM and what is around it", []string{"crypto/internal/fips140/aes", "pion/srtp", "crypto/cipher"}},
	{"pion beside that: ICE, DTLS, STUN", []string{"pion/"}},
	{"gortsplib", []string{"bluenviron/gortsplib"}},
	{"`internal/batchudp`", []string{"internal/batchudp"}},
	{"`pkg/whip`", []string{"rtsp2whip/pkg/whip"}},
	{"`internal/repack`", []string{"internal/repack"}},
	{"`pkg/rtspsrc`", []string{"rtsp2whip/pkg/rtspsrc"}},
	{"`internal/publisher` and `internal/site`", []string{"internal/publisher", "internal/site"}},
}

// shares tells what the time went to, largest first.
func shares(samples []sample) []share {
	total, by := 0, map[string]int{}
	for _, s := range samples {
		total += s.count
		by[kindOf(s.stack)] += s.count
	}
	var out []share
	for what, n := range by {
		out = append(out, share{what, float64(n) / float64(max(total, 1))})
	}
	slices.SortFunc(out, func(a, b share) int {
		return strings.Compare(fmt.Sprintf("%.6f%s", b.Share, b.For), fmt.Sprintf("%.6f%s", a.Share, a.For))
	})
	return out
}

// kindOf looks at the innermost functions first, but for the kernel's system calls,
// which count wherever they stand.
func kindOf(stack []string) string {
	for _, k := range kinds[:2] {
		if slices.ContainsFunc(stack, k.fits) {
			return k.what
		}
	}
	for i := len(stack) - 1; i >= 0; i-- {
		for _, k := range kinds[2:] {
			if k.fits(stack[i]) {
				return k.what
			}
		}
	}
	return "the rest"
}

func (k kind) fits(name string) bool {
	return slices.ContainsFunc(k.any, func(part string) bool { return strings.Contains(name, part) })
}
