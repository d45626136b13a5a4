package publisher

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// failing are backoffs that fail at once whenever they try.
type failing struct {
	outage  outage
	backoff []*backoff
	tries   []atomic.Int64
	longest atomic.Int64 // ns between two tries
	stop    context.CancelFunc
	all     sync.WaitGroup
}

func failTogether(n int) *failing {
	f := &failing{backoff: make([]*backoff, n), tries: make([]atomic.Int64, n)}
	var ctx context.Context
	ctx, f.stop = context.WithCancel(context.Background())
	for i := range f.backoff {
		b := newBackoff(&f.outage)
		f.backoff[i] = b
		f.all.Go(func() {
			defer b.leave()
			for last := time.Now(); b.sleep(ctx, b.next(Fault{})); last = time.Now() {
				f.tries[i].Add(1)
				f.longest.Store(max(f.longest.Load(), int64(time.Since(last))))
			}
		})
	}
	return f
}

func (f *failing) end() {
	f.stop()
	f.all.Wait()
}

// take counts the tries since the last time, and for how many of those that fail there was none.
func (f *failing) take() (tries, without int) {
	for i := range f.tries {
		n := int(f.tries[i].Swap(0))
		tries += n
		if n == 0 {
			without++
		}
	}
	return tries, without
}

func TestTriesOfASiteAreBounded(t *testing.T) {
	for _, c := range []struct {
		n       int
		most    float64 // tries a second
		longest time.Duration
	}{
		{1, 0.4, passingMax},
		{20, 8, passingMax},
		{37, 10.5, passingMax},
		{100, 10.5, 11250 * time.Millisecond},
		{300, 10.5, 31250 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := failTogether(c.n)
			defer f.end()
			time.Sleep(2 * time.Minute) // virtual, as all time here
			f.take()
			f.longest.Store(0)
			const span = 5 * time.Minute
			time.Sleep(span)
			tries, without := f.take()
			if rate := float64(tries) / span.Seconds(); rate > c.most || without > 0 {
				t.Errorf("%d cameras: %.1f tries a second, want %.1f at most; %d never tried", c.n, rate, c.most, without)
			}
			if d := time.Duration(f.longest.Load()); d > c.longest+slot {
				t.Errorf("%d cameras: %v without a try, want %v at most", c.n, d, c.longest)
			}
		})
	}
}

func TestOneThatIsBackHurriesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failTogether(200)
		defer f.end()
		back := newBackoff(&f.outage)
		fail := func() {
			for range 2 {
				back.next(Fault{})
				back.since = time.Now().Add(-longAfter)
			}
		}
		fail()
		time.Sleep(2 * time.Minute)
		f.take()
		back.back()
		time.Sleep(hurryWithin)
		synctest.Wait()
		if _, without := f.take(); without > 0 {
			t.Errorf("%d of 200 not tried within %v of the first one's return", without, hurryWithin)
		}
		// One that comes and goes does not keep all others busy.
		time.Sleep(hurryEvery - 10*time.Second)
		f.take()
		fail()
		back.back()
		time.Sleep(hurryWithin)
		if n, _ := f.take(); n > 40 {
			t.Errorf("%d tries within %v of the second return", n, hurryWithin)
		}
		f.outage.mu.Lock()
		defer f.outage.mu.Unlock()
		if f.outage.size != 200 {
			t.Errorf("%d are counted, want 200", f.outage.size)
		}
	})
}

// TestWhoIsToStayAwayDoesNotHurry holds for what asked for a pause itself.
func TestWhoIsToStayAwayDoesNotHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outage
		b, back := newBackoff(&o), newBackoff(&o)
		for _, x := range []*backoff{b, back} {
			x.next(Fault{})
			x.since = time.Now().Add(-longAfter)
			x.next(Fault{})
		}
		if o.size != 2 {
			t.Fatalf("%d are counted, want 2", o.size)
		}
		began := time.Now()
		d := b.next(Fault{RetryAfter: time.Minute})
		if o.size != 1 {
			t.Errorf("%d are counted, want 1", o.size)
		}
		var all sync.WaitGroup
		all.Go(func() { b.sleep(t.Context(), d) })
		synctest.Wait()
		back.back()
		all.Wait()
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("waited %v, want a minute", waited)
		}
	})
}

// TestFailingAgainIsNoNews: what wakes all who wait for news is most of what a try
// costs.
func TestFailingAgainIsNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		cam := videoOnly()
		cam.fail(errors.New("connection refused"))
		p, err := New(Config{Name: "c", Source: cam, Target: &fakeTarget{}, Changed: func() { told.Add(1) }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { p.Run(ctx) })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		changed, before := p.watch(), told.Load()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case <-changed:
			t.Error("the same failure is told again and again")
		default:
		}
		s := p.Status()
		if told.Load() != before || before == 0 {
			t.Errorf("told %d times, then %d times", before, told.Load()-before)
		}
		if opens := cam.opens.Load(); s.CameraFailures+1 < uint64(opens) || s.CameraFailures > uint64(opens) || opens < 15 {
			t.Errorf("%d failures of %d tries are counted", s.CameraFailures, opens)
		}
		cam.fail(errors.New("no route to host"))
		time.Sleep(2 * passingMax)
		synctest.Wait()
		if s := p.Status(); s.Reason != "no route to host" || s.State != Reconnecting || told.Load() != before+1 {
			t.Errorf("%s, %q, told %d times more", s.State, s.Reason, told.Load()-before)
		}
		cancel()
		run.Wait()
	})
}
