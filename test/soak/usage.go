//go:build linux

package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is processor time: of this process and all its children that are gone, and
// of the whole machine.
type usage struct{ Ours, Machine time.Duration }

func readUsage() usage {
	var u usage
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if syscall.Getrusage(who, &r) == nil {
			u.Ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	// The first line is the sum of all cores, in ticks of 10 ms: user, nice, system,
	// idle, iowait, irq, softirq, steal.
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(line) {
		if n, err := strconv.Atoi(field); err == nil && i <= 7 && i != 4 && i != 5 {
			u.Machine += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return u
}

func (u usage) since(before usage) usage {
	return usage{u.Ours - before.Ours, u.Machine - before.Machine}
}
