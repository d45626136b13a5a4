package publisher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// fakeSFU is one identity's place in a room: who comes throws out who was there.
type fakeSFU struct {
	mu       sync.Mutex
	joined   int
	sid      string // who is there, "" for nobody
	session  *fakeSession
	shows    func(*Sighting)
	viewers  int
	deaf     error // the room cannot be asked
	proxying bool  // sessions have a name of their own, and participants do not bear it
	asked    int
}

// target makes sessions with the SFU.
func (f *fakeSFU) target() *sfuTarget { return &sfuTarget{sfu: f} }

type sfuTarget struct {
	fakeTarget
	sfu *fakeSFU
}

func (t *sfuTarget) Publish(ctx context.Context, offers []Offer, onKeyFrame func()) (TargetSession, error) {
	s, err := t.fakeTarget.Publish(ctx, offers, onKeyFrame)
	if err != nil {
		return nil, err
	}
	session := s.(*fakeSession)
	f := t.sfu
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.session != nil {
		f.session.lose(errors.New("the far end ended the session"))
	}
	f.joined++
	f.sid, f.session = fmt.Sprintf("PA_%d", f.joined), session
	return &sfuSession{session, f, f.sid}, nil
}

type sfuSession struct {
	*fakeSession
	sfu *fakeSFU
	sid string
}

func (s *sfuSession) ID() SessionID {
	if s.sfu.proxying {
		return SessionID{Resource: "WH_" + s.sid}
	}
	return SessionID{Participant: s.sid}
}

func (s *sfuSession) Stats() TargetStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent[0]
	if len(sent) == 0 {
		return TargetStats{}
	}
	return TargetStats{Reported: sent[len(sent)-1].at}
}

func (s *sfuSession) Close(ctx context.Context) error {
	s.sfu.leave(s.sid)
	return s.fakeSession.Close(ctx)
}

func (f *fakeSFU) leave(sid string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sid == sid {
		f.sid, f.session = "", nil
	}
}

// somebodyElse takes the place, and stays.
func (f *fakeSFU) somebodyElse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.session != nil {
		f.session.lose(errors.New("the far end ended the session"))
	}
	f.joined++
	f.sid, f.session = "PA_else", nil
}

func (f *fakeSFU) sighting() Sighting {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	s := Sighting{Began: time.Now(), Viewers: f.viewers, Err: f.deaf}
	if f.deaf != nil {
		s.Failed = s.Began
		return s
	}
	if f.sid != "" {
		s.Present, s.Active, s.Video, s.Audio = true, true, true, true
		s.ID = SessionID{Participant: f.sid}
	}
	if f.shows != nil {
		f.shows(&s)
	}
	return s
}

func (f *fakeSFU) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// room looks at the SFU every period, and when asked to. Close it.
func (f *fakeSFU) room(period time.Duration) *fakeRoom {
	r := &fakeRoom{changed: make(chan struct{}), soon: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			timer := time.NewTimer(period)
			select {
			case <-r.quit:
				return
			case <-timer.C:
			case <-r.soon:
				time.Sleep(300 * time.Millisecond)
			}
			s := f.sighting()
			time.Sleep(20 * time.Millisecond)
			r.mu.Lock()
			if s.Err != nil {
				r.s.Err, r.s.Failed = s.Err, s.Failed
			} else {
				r.s = s
			}
			close(r.changed)
			r.changed = make(chan struct{})
			r.mu.Unlock()
		}
	}()
	return r
}

type fakeRoom struct {
	mu      sync.Mutex
	s       Sighting
	changed chan struct{}
	soon    chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

func (r *fakeRoom) String() string { return `"gate" in room "site"` }

func (r *fakeRoom) Look() (Sighting, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s, r.changed
}

func (r *fakeRoom) Refresh() {
	select {
	case r.soon <- struct{}{}:
	default:
	}
}

func (r *fakeRoom) close() { close(r.quit); <-r.done }
