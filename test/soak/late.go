//go:build linux

package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// tickEvery is how often a process wants to run, and late by how much later that
	// has to be to count: then the machine, which others use as well, stood still for
	// it, and so did the cameras or who watches them.
	tickEvery = 50 * time.Millisecond
	late      = 400 * time.Millisecond
)

// standstill is a time in which a process could not run.
type standstill struct{ From, To time.Time }

// standstills are those of this process.
type standstills struct {
	mu  sync.Mutex
	all []standstill
}

// run looks at the clock until ctx ends.
func (s *standstills) run(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(last) > tickEvery+late {
			s.mu.Lock()
			s.all = append(s.all, standstill{last, now})
			s.mu.Unlock()
		}
		last = now
	}
}

// watch looks at another process until ctx ends: at how long its threads have waited
// for a processor, by the kernel's account. A thread that waits keeps what it was about
// to do from the others.
func (s *standstills) watch(ctx context.Context, waited func() map[string]time.Duration) {
	tick := time.NewTicker(2 * tickEvery)
	defer tick.Stop()
	last := waited()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, all := time.Now(), waited()
		s.mu.Lock()
		for thread, w := range all {
			// The kernel counts a wait when it is over.
			if before, known := last[thread]; known && w-before > tickEvery+late {
				s.all = append(s.all, standstill{now.Add(before - w), now})
			}
		}
		s.mu.Unlock()
		last = all
	}
}

func (s *standstills) list() []standstill {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// asFaults makes faults of them that nobody has made, those together that overlap.
func asFaults(all []standstill, start time.Time) []fault {
	slices.SortFunc(all, func(a, b standstill) int { return a.From.Compare(b.From) })
	var out []fault
	for _, s := range all {
		from, to := s.From.Sub(start), s.To.Sub(start)
		if to < 0 {
			continue // before the first fault
		}
		if n := len(out); n > 0 && from <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, to)
			continue
		}
		out = append(out, fault{Kind: stood, Everybody: true, Start: from, End: to, After: soon})
	}
	return out
}
