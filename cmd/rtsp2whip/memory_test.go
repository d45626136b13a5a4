package main

import (
	"log/slog"
	"math"
	"runtime/debug"
	"testing"
)

func TestTuneMemoryLeavesTheVariablesAlone(t *testing.T) {
	percent, limit := debug.SetGCPercent(123), debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetGCPercent(percent)
	defer debug.SetMemoryLimit(limit)
	tuneMemory(func(string) string { return "set" }, slog.New(slog.DiscardHandler))
	if got := debug.SetGCPercent(123); got != 123 {
		t.Errorf("GOGC was overridden with %d", got)
	}
	tuneMemory(func(string) string { return "" }, slog.New(slog.DiscardHandler))
	if got := debug.SetGCPercent(123); got != gcPercent {
		t.Errorf("GC percentage %d", got)
	}
}
