package publisher

import (
	"testing"
	"time"
)

// pausingCamera is a camera whose reader tells when it waits.
type pausingCamera struct {
	*fakeCamera
	pause func()
}

func (c *pausingCamera) OnPause(f func()) { c.pause = f }

func TestPauseFlushesTheSession(t *testing.T) {
	cam, target := &pausingCamera{fakeCamera: videoOnly()}, &fakeTarget{}
	bubble(t, cam.fakeCamera, target, func(cfg *Config) { cfg.Source = cam }, func(t *testing.T, p *Publisher) {
		cam.pause() // before anything is connected
		after(5 * time.Second)
		wantState(t, p, Live)
		session := target.all()[0]
		before := session.flushes.Load()
		cam.pause()
		if n := session.flushes.Load(); n != before+1 {
			t.Errorf("%d flushes for a pause", n-before)
		}
		session.lose(nil)
		after(30 * time.Second)
		before = session.flushes.Load()
		cam.pause()
		if session.flushes.Load() != before {
			t.Error("a session that is over was flushed")
		}
		if n := target.all()[1].flushes.Load(); n == 0 {
			t.Error("the new session was not flushed")
		}
	})
}
