package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// gcPercent is how much garbage may gather before it is collected, beside what is
// alive: a quarter of it, where Go's default is as much again. Packets make no
// garbage, so that the collector runs a few times a minute as it is, and most of what
// is alive is packets that were sent within the last second, which cost it nothing to
// pass over. docs/benchmarks.md has what it saves.
const gcPercent = 25

// limitShare is the part of a container's memory beyond which garbage is collected
// however often that is. The rest is for what the collector does not count.
const limitShare = 0.8

// tuneMemory sets the garbage collector up for a small box, unless the usual
// variables do (GOGC, GOMEMLIMIT).
func tuneMemory(getenv func(string) string, log *slog.Logger) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit := cgroupLimit("/"); limit > 0 {
		debug.SetMemoryLimit(int64(float64(limit) * limitShare))
		log.Debug("memory limit", "cgroup", limit)
	}
}

// cgroupLimit is the lowest memory limit in bytes of this process's control group
// (version 2) and those above it, as systemd and containers set it; 0 if there is
// none. root is the file system's.
func cgroupLimit(root string) int64 {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	var lowest int64
	for line := range strings.Lines(string(text)) {
		group, found := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !found {
			continue
		}
		for dir := filepath.Clean("/" + group); ; dir = filepath.Dir(dir) {
			// The root group has no such file, others may say "max".
			text, err := os.ReadFile(filepath.Join(root, "sys/fs/cgroup", dir, "memory.max"))
			if err == nil {
				n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
				if err == nil && n > 0 && (lowest == 0 || n < lowest) {
					lowest = n
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return lowest
}
