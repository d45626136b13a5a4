package main

import (
	"log/slog"
	"runtime/debug"

	"github.com/rtsp2whip/rtsp2whip/internal/cgroup"
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
	if limit := cgroup.MemoryLimit("/"); limit > 0 {
		debug.SetMemoryLimit(int64(float64(limit) * limitShare))
		log.Debug("memory limit", "cgroup", limit)
	}
}
