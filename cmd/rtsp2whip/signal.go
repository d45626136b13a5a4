package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long a command may take to end its sessions once told to stop.
const grace = 5 * time.Second

// untilSignal returns a context that the first SIGINT or SIGTERM cancels. A
// second one, or the end of the grace time, ends the process on the spot, with
// the exit code that a shell expects after that signal (130, 143). Call stop
// when the command is done.
func untilSignal(parent context.Context, grace time.Duration, stderr io.Writer, exit func(int)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		first, ok := next(signals, done, nil)
		if !ok {
			return
		}
		cancel()
		late := time.NewTimer(grace)
		defer late.Stop()
		if second, ok := next(signals, done, late.C); ok {
			exit(exitCode(second))
			return
		}
		select {
		case <-done:
		default:
			fmt.Fprintf(stderr, "rtsp2whip: not everything has ended within %s: leaving it\n", grace)
			exit(exitCode(first))
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-gone
		cancel()
	}
}

func next(signals <-chan os.Signal, done <-chan struct{}, late <-chan time.Time) (os.Signal, bool) {
	select {
	case s := <-signals:
		return s, true
	case <-done:
	case <-late:
	}
	return nil, false
}

func exitCode(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return exitFailure
}
