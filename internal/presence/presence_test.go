package presence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a LiveKit server in virtual time.
type server struct {
	asked   atomic.Int32
	busy    atomic.Int32
	most    atomic.Int32
	takes   time.Duration
	members []Member
	mu      sync.Mutex
	err     error
}

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *server) list(ctx context.Context, _ string) ([]Member, error) {
	s.asked.Add(1)
	if n := s.busy.Add(1); n > s.most.Load() {
		s.most.Store(n)
	}
	defer s.busy.Add(-1)
	if !sleep(ctx, s.takes) {
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members, s.err
}

// in runs Rooms in virtual time.
func in(t *testing.T, s *server, setUp func(*Rooms), body func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rooms, err := New(Config{List: s.list})
		if err != nil {
			t.Fatal(err)
		}
		setUp(rooms)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { rooms.Run(ctx); close(done) }()
		body(t)
		cancel()
		<-done
	})
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestOneQuestionForAllCamerasOfARoom(t *testing.T) {
	s := &server{takes: 20 * time.Millisecond, members: []Member{
		{Identity: "cam-7", SID: "PA_7", Active: true, Video: true, CanWatch: true},
		{Identity: "ann", CanWatch: true}, {Identity: "recorder"},
	}}
	var all []*Room
	in(t, s, func(r *Rooms) {
		for i := range 100 {
			all = append(all, r.Add("site", fmt.Sprintf("cam-%d", i), 0))
		}
	}, func(t *testing.T) {
		after(time.Minute)
		if n := s.asked.Load(); n < 5 || n > 8 {
			t.Errorf("asked %d times in a minute, want about 6", n)
		}
		before := s.asked.Load()
		// Every camera is in a hurry, all the time.
		for range 100 {
			for _, room := range all {
				room.Refresh()
			}
			after(100 * time.Millisecond)
		}
		if n := s.asked.Load() - before; n < 10 || n > 21 {
			t.Errorf("asked %d times in 10 s of hurry, want at most twice a second", n)
		}
		v, _ := all[7].Look()
		m, ok := v.Member("cam-7")
		if _, no := v.Member("cam-8"); !ok || no || m.SID != "PA_7" || v.Viewers != 1 || v.Began.IsZero() {
			t.Errorf("%+v", v)
		}
	})
}

func TestARoomThatIsNeededSooner(t *testing.T) {
	s := &server{}
	in(t, s, func(r *Rooms) {
		r.Add("site", "a", 0)
		r.Add("site", "b", 2*time.Second)
	}, func(t *testing.T) {
		after(time.Minute)
		if n := s.asked.Load(); n < 27 || n > 33 {
			t.Errorf("asked %d times in a minute, want 30", n)
		}
	})
}

func TestManyRoomsAreAskedAFewAtATime(t *testing.T) {
	s := &server{takes: 100 * time.Millisecond}
	in(t, s, func(r *Rooms) {
		for i := range 100 {
			r.Add(fmt.Sprintf("room-%d", i), "cam", 0)
		}
	}, func(t *testing.T) {
		after(2 * time.Minute)
		if n := s.most.Load(); n != atOnce {
			t.Errorf("%d questions at once, want %d", n, atOnce)
		}
		// Each room every 30 s.
		if n := s.asked.Load(); n < 300 || n > 550 {
			t.Errorf("asked %d times in two minutes", n)
		}
	})
}

func TestAFailingServerIsLeftAlone(t *testing.T) {
	s := &server{members: []Member{{Identity: "cam"}}}
	var room *Room
	in(t, s, func(r *Rooms) { room = r.Add("site", "cam", 0) }, func(t *testing.T) {
		after(3 * time.Second)
		s.fail(errors.New("500"))
		before := s.asked.Load()
		for range 600 {
			room.Refresh()
			after(time.Second)
		}
		if n := s.asked.Load() - before; n < 5 || n > 20 {
			t.Errorf("asked %d times in ten minutes of failures", n)
		}
		v, changed := room.Look()
		if _, ok := v.Member("cam"); !ok || v.Err == nil || !v.Failed.After(v.Began) {
			t.Errorf("what was known is gone: %+v", v)
		}
		s.fail(nil)
		<-changed
		if v, _ := room.Look(); v.Err != nil {
			t.Errorf("%v", v.Err)
		}
	})
}

func TestASlowServerIsLeftAlone(t *testing.T) {
	s := &server{takes: 5 * time.Second}
	var room *Room
	in(t, s, func(r *Rooms) { room = r.Add("site", "cam", time.Second) }, func(t *testing.T) {
		for range 300 {
			room.Refresh()
			after(time.Second)
		}
		if n := s.asked.Load(); n < 10 || n > 16 {
			t.Errorf("asked %d times in five minutes, want once in 20 to 25 s", n)
		}
	})
}

func TestAServerThatDoesNotAnswer(t *testing.T) {
	s := &server{takes: time.Hour}
	var room *Room
	in(t, s, func(r *Rooms) { room = r.Add("site", "cam", 0) }, func(t *testing.T) {
		after(12 * time.Second)
		if v, _ := room.Look(); !errors.Is(v.Err, context.DeadlineExceeded) || !v.Began.IsZero() {
			t.Errorf("%+v", v)
		}
	})
}

func TestNewWantsSomebodyToAsk(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no error")
	}
}
