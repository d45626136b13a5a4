package site

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// Changes says what a new file has changed in a running site, by the names of
// cameras.
type Changes struct {
	Added, Removed, Changed []string
	Unchanged               int
}

// None reports that every camera goes on as it was.
func (c Changes) None() bool { return len(c.Added)+len(c.Removed)+len(c.Changed) == 0 }

// slot is one camera's place in the site. A camera whose settings change gets a
// new slot, which waits for the end of the old one: many cameras serve one reader
// at a time, and a room knows an identity once.
type slot struct {
	settings  Camera
	common    *common
	publisher *publisher.Publisher
	leave     func()          // gives up the camera's place in its room; may be nil
	delay     time.Duration   // before it begins, so that not all do at once
	after     <-chan struct{} // closed when whoever had the camera before has ended; nil: nobody had
	quit      chan struct{}   // closed to end it
	done      chan struct{}   // closed when it has ended
}

func (s *Site) newSlot(c Camera, shared *common) (*slot, error) {
	p, leave, err := s.newPublisher(c, shared)
	if err != nil {
		return nil, fmt.Errorf("camera %s: %w", c.Name, err)
	}
	return &slot{
		settings: c, common: shared, publisher: p, leave: leave, quit: make(chan struct{}), done: make(chan struct{}),
	}, nil
}

// run publishes the camera until ctx ends or it is told to quit.
func (s *slot) run(ctx context.Context) {
	defer close(s.done)
	if s.after != nil {
		<-s.after // it ends in bounded time, also when ctx has ended
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-s.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	if sleep(ctx, s.delay) {
		s.publisher.Run(ctx)
	}
	cancel()
	<-watching
}

// Apply makes the site that of another checked Config. Only cameras whose own
// settings have changed, or those of what they share, are touched; all others go
// on without the loss of a packet. On an error nothing has changed. It does no I/O,
// and does not wait for the cameras that end.
func (s *Site) Apply(cfg *Config) (Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shared, err := s.commonFor(cfg)
	if err != nil {
		return Changes{}, err
	}
	old := make(map[string]*slot, len(s.slots))
	for _, sl := range s.slots {
		old[sl.settings.Name] = sl
	}
	var ch Changes
	var slots, fresh, ended []*slot
	var errs []error
	for _, c := range cfg.EnabledCameras() {
		before := old[c.Name]
		delete(old, c.Name)
		if before != nil && before.serves(c, shared) {
			slots = append(slots, before)
			ch.Unchanged++
			continue
		}
		sl, err := s.newSlot(c, shared)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if before == nil {
			ch.Added = append(ch.Added, c.Name)
		} else {
			ch.Changed = append(ch.Changed, c.Name)
			sl.after = before.done
			ended = append(ended, before)
		}
		slots, fresh = append(slots, sl), append(fresh, sl)
	}
	if err := errors.Join(errs...); err != nil {
		for _, sl := range fresh {
			sl.vacate()
		}
		return Changes{}, err
	}
	for name, sl := range old {
		ch.Removed = append(ch.Removed, name)
		ended = append(ended, sl)
	}
	slices.Sort(ch.Removed)
	spread := min(startSpread*time.Duration(len(fresh)), startSpreadMax)
	for i, sl := range fresh {
		if i > 0 {
			sl.delay = rand.N(spread)
		}
	}
	if before := s.common; before != nil && before != shared && before.users == 0 {
		close(before.left)
	}
	s.common, s.slots = shared, slots
	if shared.livekit != nil && !ch.None() && len(IngressSpecs(cfg)) > 0 {
		s.stray = func(ctx context.Context) { tellStray(ctx, shared.livekit, cfg, s.log) }
	}
	s.replace(fresh, ended)
	return ch, nil
}

func (s *slot) vacate() {
	if s.leave != nil {
		s.leave()
	}
}

// ended takes note that a slot's camera has ended.
func (s *Site) ended(sl *slot) {
	sl.vacate()
	s.mu.Lock()
	defer s.mu.Unlock()
	sl.common.users--
	if sl.common != s.common && sl.common.users == 0 {
		close(sl.common.left)
	}
}

// serves tells whether the slot's publisher is just what these settings ask for.
func (s *slot) serves(c Camera, shared *common) bool {
	if !reflect.DeepEqual(s.settings, c) || !reflect.DeepEqual(s.common.network, shared.network) {
		return false
	}
	return c.Via == ViaWHIP || s.common == shared
}

// ErrNoCamera says that no enabled camera has the name.
var ErrNoCamera = errors.New("no such camera")

// Restart ends a camera's sessions and begins anew with the same settings.
func (s *Site) Restart(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.slots, func(sl *slot) bool { return sl.settings.Name == name })
	if i < 0 {
		return ErrNoCamera
	}
	before := s.slots[i]
	sl, err := s.newSlot(before.settings, before.common)
	if err != nil {
		return err
	}
	sl.after = before.done
	s.slots = slices.Clone(s.slots) // a reader may have the old ones
	s.slots[i] = sl
	s.replace([]*slot{sl}, []*slot{before})
	return nil
}

// ErrNotPlaying says that a camera cannot be asked for a key frame, or looked at, now.
var ErrNotPlaying = errors.New("the camera does not play")

// RequestKeyFrame asks a camera for a key frame.
func (s *Site) RequestKeyFrame(name string) error {
	p, err := s.publisher(name)
	if err == nil && !p.RequestKeyFrame() {
		err = ErrNotPlaying
	}
	return err
}

// Tap has a camera's packets handed to t until its publisher ends, or t is removed.
func (s *Site) Tap(name string, t publisher.Tap) (publisher.Tapped, error) {
	p, err := s.publisher(name)
	if err != nil {
		return publisher.Tapped{}, err
	}
	tapped, ok := p.Tap(t)
	if !ok {
		return publisher.Tapped{}, ErrNotPlaying
	}
	return tapped, nil
}

// publisher finds a camera's publisher, or returns ErrNoCamera.
func (s *Site) publisher(name string) (*publisher.Publisher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sl := range s.slots {
		if sl.settings.Name == name {
			return sl.publisher, nil
		}
	}
	return nil, ErrNoCamera
}

// replace has Run begin with some slots and end others; mu is held.
func (s *Site) replace(fresh, ended []*slot) {
	for _, sl := range ended {
		close(sl.quit)
	}
	for _, sl := range fresh {
		sl.common.users++
	}
	s.fresh = append(s.fresh, fresh...)
	s.tell()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
