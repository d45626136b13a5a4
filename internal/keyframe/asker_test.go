package keyframe

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// drive runs an asker in virtual time; stop ends it and waits.
func drive(a *Asker, ways map[Way]Ask) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); a.Run(ctx, ways) }()
	return func() { cancel(); <-done }
}

// asks makes ways that all do the same.
func asks(do func(context.Context, Way) error) map[Way]Ask {
	out := map[Way]Ask{}
	for _, w := range order {
		out[w] = AtOnce(func(ctx context.Context) error { return do(ctx, w) })
	}
	return out
}

// The asker finds the way that works, and uses it at once from then on.
func TestAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New([]Way{PLI, FIR, ONVIF}, false, slog.New(slog.DiscardHandler))
		var count atomic.Int32
		var camera sync.WaitGroup
		stop := drive(a, asks(func(_ context.Context, w Way) error {
			if w == ONVIF {
				count.Add(1)
				camera.Go(func() {
					time.Sleep(150 * time.Millisecond)
					a.Arrived(time.Now())
				})
			}
			return nil
		}))
		a.Want()
		time.Sleep(10 * time.Second)
		if s := a.Status(); s.Way != ONVIF || s.Delay != 150*time.Millisecond {
			t.Errorf("status %+v", s)
		}
		had := count.Load()
		a.Want()
		time.Sleep(200 * time.Millisecond)
		if count.Load() != had+1 {
			t.Errorf("asked %d times for one wish", count.Load()-had)
		}
		stop()
		camera.Wait()
		a.Want()
		time.Sleep(time.Minute)
		if count.Load() != had+1 {
			t.Error("asked after the session")
		}
	})
}

// One way at a time is asked, and it is told to stop when the key frame has come.
func TestAskerStopsAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New([]Way{Session}, true, slog.New(slog.DiscardHandler))
		var under, most, ended atomic.Int32
		stop := drive(a, asks(func(ctx context.Context, _ Way) error {
			most.Store(max(most.Load(), under.Add(1)))
			defer under.Add(-1)
			select {
			case <-ctx.Done():
				ended.Add(1)
			case <-time.After(20 * time.Second):
			}
			return ctx.Err()
		}))
		for range 5 {
			a.Want()
			time.Sleep(time.Second)
		}
		if under.Load() != 1 {
			t.Fatalf("%d are under way", under.Load())
		}
		a.Arrived(time.Now())
		synctest.Wait()
		if under.Load() != 0 || ended.Load() != 1 || most.Load() != 1 {
			t.Errorf("%d under way, %d were ended, up to %d at once", under.Load(), ended.Load(), most.Load())
		}
		stop()
	})
}

// Run returns only when nothing is being asked any more.
func TestAskerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New([]Way{Axis}, true, slog.New(slog.DiscardHandler))
		var asked, over atomic.Bool
		stop := drive(a, asks(func(ctx context.Context, _ Way) error {
			asked.Store(true)
			<-ctx.Done()
			time.Sleep(time.Second) // an answer that is slow to be given up
			over.Store(true)
			return ctx.Err()
		}))
		a.Want()
		time.Sleep(3 * time.Second)
		stop()
		if !asked.Load() || !over.Load() {
			t.Errorf("asked: %t, over: %t", asked.Load(), over.Load())
		}
	})
}

// What comes while a way only finds out where to ask is not its work, and does not
// stop it.
func TestPreparingIsNotAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New([]Way{ONVIF}, false, slog.New(slog.DiscardHandler))
		var sent, given atomic.Int32
		stop := drive(a, map[Way]Ask{ONVIF: func(ctx context.Context, send func()) error {
			select {
			case <-ctx.Done():
				given.Add(1)
				return ctx.Err()
			case <-time.After(8 * time.Second):
			}
			send()
			sent.Add(1)
			return nil
		}})
		a.Want()
		time.Sleep(5 * time.Second) // it has begun after 2 s
		a.Arrived(time.Now())
		time.Sleep(6 * time.Second)
		if sent.Load() != 1 || given.Load() != 0 {
			t.Errorf("asked %d times, given up %d times", sent.Load(), given.Load())
		}
		if s := a.Status(); s.Way != "" {
			t.Errorf("status %+v", s)
		}
		stop()
	})
}
