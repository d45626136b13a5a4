//go:build linux

package main

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A thread of another process that waited long for a processor is a standstill; one
// that waits a little each time is none, nor is one that begins.
func TestWaitingThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		waited := func() map[string]time.Duration {
			asked++
			all := map[string]time.Duration{"often": time.Duration(asked) * 300 * time.Millisecond, "once": time.Second}
			if asked > 3 {
				all["once"] = 2 * time.Second
				all["new"] = time.Hour
			}
			return all
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var s standstills
		var watching sync.WaitGroup
		watching.Go(func() { s.watch(ctx, waited) })
		watching.Wait()
		if all := s.list(); len(all) != 1 || all[0].To.Sub(all[0].From) != time.Second {
			t.Errorf("%v", all)
		}
	})
}
