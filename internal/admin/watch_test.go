package admin

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// TestNothingIsLookedAtWithoutNews but for the samples.
func TestNothingIsLookedAtWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, news := newWatch(time.Now()), make(chan struct{}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		var looks atomic.Int32
		var live atomic.Bool
		var running sync.WaitGroup
		running.Go(func() {
			w.run(ctx, func() []publisher.Status {
				s := publisher.Status{Name: "gate", State: publisher.Opening, Bitrate: float64(looks.Add(1))}
				if live.Load() {
					s.State = publisher.Live
				}
				return []publisher.Status{s}
			}, news)
		})
		time.Sleep(time.Minute + time.Second) // virtual
		synctest.Wait()
		n := int(looks.Swap(0))
		if want := int(time.Minute/sampleEvery) + 1; n != want {
			t.Errorf("%d looks in a minute without news, want %d", n, want)
		}
		if samples := len(w.history("gate").Bitrate); samples != n {
			t.Errorf("%d samples of %d looks", samples, n)
		}
		live.Store(true)
		news <- struct{}{}
		synctest.Wait()
		if e := w.recent("gate", 1); looks.Load() != 1 || len(e) != 1 || e[0].State != publisher.Live {
			t.Errorf("%d looks after news, events %+v", looks.Load(), e)
		}
		// However much there is: a look every lookEvery, and samples as ever.
		before := len(w.history("gate").Bitrate)
		for range 1000 {
			select {
			case news <- struct{}{}:
			default:
			}
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		n = int(looks.Load())
		if most := 2 + int(10*time.Second/lookEvery); n > most || n < most/2 {
			t.Errorf("%d looks in 10 s full of news, want %d at most", n, most)
		}
		if samples := len(w.history("gate").Bitrate) - before; samples != 2 {
			t.Errorf("%d samples in 10 s, want 2", samples)
		}
		cancel()
		running.Wait()
	})
}
