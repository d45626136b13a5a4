package admin

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

const (
	lookEvery   = 500 * time.Millisecond // how often the cameras are looked at for changes, at most
	sampleEvery = 5 * time.Second        // between two samples of a camera's history
	historyLen  = 120                    // samples: ten minutes
	maxEvents   = 200                    // that are kept
	// reasonEvery is the least time between two events of a camera that differ in the
	// reason alone: some reasons have figures in them.
	reasonEvery = 10 * time.Second
)

// Event is a change of a camera's state, or of its reason.
type Event struct {
	ID       string          `json:"id"`
	Time     time.Time       `json:"time"`
	Camera   string          `json:"camera"`
	State    publisher.State `json:"state"`
	Previous publisher.State `json:"previous"` // "": the camera is new
	Reason   string          `json:"reason"`
	Hint     string          `json:"hint,omitempty"`
}

// Sample is one camera in a stats event.
type Sample struct {
	Name         string          `json:"name"`
	State        publisher.State `json:"state"`
	FPS          float64         `json:"fps"`
	Bitrate      float64         `json:"bitrate"` // bits a second
	Lost         uint64          `json:"lost"`
	FractionLost float64         `json:"fraction_lost"`
	RTT          float64         `json:"rtt"` // seconds; 0: unknown
}

// History is the last minutes of a camera, oldest sample first.
type History struct {
	Interval float64   `json:"interval"` // seconds between two samples
	Bitrate  []float32 `json:"bitrate"`  // bits a second
	FPS      []float32 `json:"fps"`
}

// seen is what was last known of a camera.
type seen struct {
	state        publisher.State
	since, told  time.Time // of the state; of the last event
	reason       string
	bitrate, fps []float32
}

// watch looks at the cameras, keeps what has happened, and tells subscribers.
type watch struct {
	boot string // tells the events of this run from those of another

	mu      sync.Mutex
	sampled time.Time
	cameras map[string]*seen
	events  []Event // oldest first
	next    uint64
	subs    map[*subscriber]bool
}

func newWatch(started time.Time) *watch {
	return &watch{
		boot: strconv.FormatInt(started.UnixMilli(), 36), cameras: map[string]*seen{}, subs: map[*subscriber]bool{},
	}
}

// run looks at the cameras when there is news, and for samples, until ctx ends.
func (w *watch) run(ctx context.Context, cameras func() []publisher.Status, news <-chan struct{}) {
	for {
		due := w.look(cameras(), time.Now())
		if !pause(ctx, lookEvery, nil) {
			return
		}
		if news != nil && !pause(ctx, time.Until(due), news) {
			return
		}
	}
}

// pause waits for d, or for early to receive. It returns false when ctx ends.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-early:
	}
	return true
}

// look takes note of a snapshot, and returns when the next sample is due.
func (w *watch) look(list []publisher.Status, now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	sample := now.Sub(w.sampled) >= sampleEvery
	if sample {
		w.sampled = now
	}
	there := make(map[string]bool, len(list))
	for _, s := range list {
		there[s.Name] = true
		c := w.cameras[s.Name]
		if c == nil {
			c = &seen{}
			w.cameras[s.Name] = c
		}
		w.compare(c, s, now)
		if sample {
			c.bitrate, c.fps = appended(c.bitrate, s.Bitrate), appended(c.fps, s.FPS)
		}
	}
	for name := range w.cameras {
		if !there[name] {
			delete(w.cameras, name)
		}
	}
	if sample {
		w.tellStats(list)
	}
	return w.sampled.Add(sampleEvery)
}

// compare makes an event of what has changed. A camera that was in another state in
// between shows by since.
func (w *watch) compare(c *seen, s publisher.Status, now time.Time) {
	changed := s.State != c.state || !s.Since.Equal(c.since)
	if !changed && (s.Reason == c.reason || s.Reason == "" || now.Sub(c.told) < reasonEvery) {
		return
	}
	if c.state == "" && s.State == publisher.Idle {
		c.state, c.since = s.State, s.Since
		return // that it has not begun yet is no news
	}
	w.next++
	e := Event{
		ID: w.boot + "-" + strconv.FormatUint(w.next, 10), Time: now, Camera: s.Name,
		State: s.State, Previous: c.state, Reason: s.Reason, Hint: s.Hint,
	}
	if changed && !s.Since.IsZero() {
		e.Time = s.Since
	}
	c.state, c.since, c.reason, c.told = s.State, s.Since, s.Reason, now
	if len(w.events) >= maxEvents {
		w.events = append(w.events[:0], w.events[1:]...)
	}
	w.events = append(w.events, e)
	w.tell(message{event: "state", id: e.ID, data: e})
}

func (w *watch) tellStats(list []publisher.Status) {
	if len(w.subs) == 0 {
		return
	}
	samples := make([]Sample, len(list))
	for i, s := range list {
		samples[i] = Sample{s.Name, s.State, s.FPS, s.Bitrate, s.Lost, s.FractionLost, s.RTT.Seconds()}
	}
	w.tell(message{event: "stats", data: samples})
}

// appended adds a sample, and drops the oldest of too many.
func appended(to []float32, v float64) []float32 {
	if len(to) >= historyLen {
		to = append(to[:0], to[1:]...)
	}
	return append(to, float32(v))
}

// history returns copies of a camera's samples.
func (w *watch) history(name string) History {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := History{Interval: sampleEvery.Seconds(), Bitrate: []float32{}, FPS: []float32{}}
	if c := w.cameras[name]; c != nil {
		h.Bitrate, h.FPS = append(h.Bitrate, c.bitrate...), append(h.FPS, c.fps...)
	}
	return h
}

// recent returns the newest events, newest first, of one camera or, with "", of all.
func (w *watch) recent(camera string, most int) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []Event{}
	for i := len(w.events) - 1; i >= 0 && len(out) < most; i-- {
		if camera == "" || w.events[i].Camera == camera {
			out = append(out, w.events[i])
		}
	}
	return out
}
