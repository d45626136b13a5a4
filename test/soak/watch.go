//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

const (
	pollEvery   = 250 * time.Millisecond
	sampleEvery = 5 * time.Second
)

// watcher asks the program how its cameras are, all the time, and now and then how
// it is itself.
type watcher struct {
	h       *harness
	gateway *parts.Gateway
	names   []string

	mu      sync.Mutex
	down    map[string]*gap
	gaps    []gap
	since   map[string]time.Duration // of being live
	told    map[string]time.Time     // the same, as the program tells it
	looked  time.Duration            // the last time
	live    []sample                 // how many cameras, whenever it changes
	samples map[string][]sample      // by metric
}

// The metrics that are sampled.
const (
	metricRSS        = "process_resident_memory_bytes"
	metricGoroutines = "go_goroutines"
	metricFiles      = "process_open_fds"
	metricReload     = "rtsp2whip_config_last_reload_successful"
)

var sampled = []string{metricRSS, metricGoroutines, metricFiles}

func newWatcher(h *harness, g *parts.Gateway, names []string) *watcher {
	return &watcher{h: h, gateway: g, names: names, down: map[string]*gap{}, since: map[string]time.Duration{}, told: map[string]time.Time{}, samples: map[string][]sample{}}
}

func (w *watcher) now() time.Duration { return time.Since(w.h.start) }

// run watches until ctx ends, or the program has ended.
func (w *watcher) run(ctx context.Context) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var next time.Duration
	for {
		if err := w.gateway.Alive(); err != nil {
			w.h.Errorf("%v", err)
			return
		}
		w.look()
		if now := w.now(); now >= next {
			next = now + sampleEvery
			w.sample()
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// look asks for the states.
func (w *watcher) look() {
	asked := w.now()
	cameras, err := w.gateway.Cameras()
	if err != nil {
		w.h.Errorf("the API does not answer: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.names {
		c, listed := cameras[name]
		said := c.State + ": " + c.Reason
		if !listed {
			said = "not listed"
		}
		g := w.down[name]
		switch {
		case c.State == "live" && g != nil:
			g.To = asked
			w.gaps = append(w.gaps, *g)
			delete(w.down, name)
			w.since[name] = asked
			w.count(asked)
		case c.State == "live":
			if last, ok := w.told[name]; ok && !c.Since.Equal(last) {
				w.gaps = append(w.gaps, gap{Camera: name, From: w.looked, To: asked, Seen: w.now(), Said: []string{"for less than between two questions"}})
				w.since[name] = asked
			}
		case g == nil:
			w.down[name] = &gap{Camera: name, From: asked, Seen: w.now(), Said: []string{said}}
			w.count(asked)
		case g.Said[len(g.Said)-1] != said:
			g.Said = append(g.Said, said)
		}
		w.told[name] = c.Since
	}
	w.looked = asked
}

func (w *watcher) count(at time.Duration) {
	w.live = append(w.live, sample{at, float64(len(w.names) - len(w.down))})
}

// sample asks for the metrics.
func (w *watcher) sample() {
	values, err := w.gateway.Metrics()
	if err != nil {
		w.h.Errorf("the metrics do not come: %v", err)
		return
	}
	at := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range sampled {
		v, ok := values[name]
		if !ok {
			w.h.Errorf("no metric %s", name)
		}
		w.samples[name] = append(w.samples[name], sample{at, v})
	}
}

// steady tells whether a camera has been live for a while.
func (w *watcher) steady(name string, forAtLeast time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.down[name] == nil && w.now()-w.since[name] >= forAtLeast
}

// allLive tells who is not.
func (w *watcher) allLive() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.names {
		if g := w.down[name]; g != nil {
			return fmt.Errorf("%d cameras are not live; %s is %s", len(w.down), name, g.Said[len(g.Said)-1])
		}
	}
	return nil
}

// allGaps are those that are over, and those that are not.
func (w *watcher) allGaps() []gap {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.Clone(w.gaps)
	for _, g := range w.down {
		open := *g
		open.To, open.Open = w.now(), true
		out = append(out, open)
	}
	slices.SortFunc(out, func(a, b gap) int { return int(a.From - b.From) })
	return out
}
