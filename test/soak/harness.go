//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// harness is what test/parts expects of a test, for a program: it keeps what has to
// be cleaned up, and ends the run when a part gives up.
type harness struct {
	testing.TB // nil: for the method that nobody else may have

	start time.Time

	mu       sync.Mutex
	cleanups []func()
	faults   []string // what went wrong with the run itself
	running  sync.WaitGroup
}

// gaveUp is thrown by Fatal, and caught by protect.
type gaveUp struct{}

// protect calls f and notes what makes it give up.
func (h *harness) protect(f func()) (ok bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case gaveUp:
			ok = false
		default:
			h.Errorf("panic: %v\n%s", r, debug.Stack())
			ok = false
		}
	}()
	f()
	return true
}

// run calls f in a goroutine of its own, which finish waits for.
func (h *harness) run(f func()) { h.running.Go(func() { h.protect(f) }) }

// finish waits for all goroutines and cleans up, the newest first.
func (h *harness) finish() {
	h.running.Wait()
	for {
		h.mu.Lock()
		n := len(h.cleanups)
		if n == 0 {
			h.mu.Unlock()
			return
		}
		f := h.cleanups[n-1]
		h.cleanups = h.cleanups[:n-1]
		h.mu.Unlock()
		h.protect(f)
	}
}

func (h *harness) Helper() {}

func (h *harness) Name() string { return "soak" }

func (h *harness) Failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.faults) > 0
}

func (h *harness) wrong() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.faults
}

func (h *harness) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

func (h *harness) TempDir() string {
	dir, err := os.MkdirTemp("", "rtsp2whip-soak")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (h *harness) Log(args ...any) { h.Logf("%s", fmt.Sprintln(args...)) }

func (h *harness) Logf(format string, args ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	fmt.Printf("%7.1f  %s\n", time.Since(h.start).Seconds(), text)
}

func (h *harness) Error(args ...any) { h.Errorf("%s", fmt.Sprintln(args...)) }

func (h *harness) Errorf(format string, args ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	h.mu.Lock()
	h.faults = append(h.faults, text)
	h.mu.Unlock()
	h.Logf("WRONG: %s", text)
}

func (h *harness) Fatal(args ...any) {
	h.Error(args...)
	panic(gaveUp{})
}

func (h *harness) Fatalf(format string, args ...any) {
	h.Errorf(format, args...)
	panic(gaveUp{})
}
