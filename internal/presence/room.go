package presence

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Room is one room.
type Room struct {
	name string
	soon chan struct{} // capacity 1: somebody is in a hurry
	gone chan struct{} // closed when no camera is left

	mu      sync.Mutex
	cameras map[string]int        // how often each identity of this site's was added
	pressed map[time.Duration]int // the intervals that were asked for, and how often
	view    View
	changed chan struct{} // closed and replaced with each view
}

func newRoom(name string) *Room {
	return &Room{
		name: name, soon: make(chan struct{}, 1), gone: make(chan struct{}), changed: make(chan struct{}),
		cameras: map[string]int{}, pressed: map[time.Duration]int{},
	}
}

func (r *Room) join(identity string, interval time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cameras[identity]++
	if interval > 0 {
		r.pressed[interval]++
	}
}

// leave returns true if nobody is left.
func (r *Room) leave(identity string, interval time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cameras[identity]--; r.cameras[identity] <= 0 {
		delete(r.cameras, identity)
	}
	if interval > 0 {
		if r.pressed[interval]--; r.pressed[interval] <= 0 {
			delete(r.pressed, interval)
		}
	}
	return len(r.cameras) == 0
}

// wanted is the shortest interval that a camera asked for, 0 if none did.
func (r *Room) wanted() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pressed) == 0 {
		return 0
	}
	return slices.Min(slices.Collect(maps.Keys(r.pressed)))
}

// View is what a room showed.
type View struct {
	Began   time.Time // when the question was sent; zero: there was no answer yet
	Err     error     // why the newest question got no answer, nil if it did
	Failed  time.Time // when that one was sent
	Viewers int       // those who may watch and are no cameras
	members []Member
}

// Member returns the participant with this identity.
func (v View) Member(identity string) (Member, bool) {
	i := slices.IndexFunc(v.members, func(m Member) bool { return m.Identity == identity })
	if i < 0 {
		return Member{}, false
	}
	return v.members[i], true
}

// Look returns what is known, and a channel that is closed when there is more.
func (r *Room) Look() (View, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view, r.changed
}

// Refresh asks for a look soon. It never blocks.
func (r *Room) Refresh() {
	select {
	case r.soon <- struct{}{}:
	default:
	}
}

func (r *Room) set(began time.Time, members []Member, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.view.Err, r.view.Failed = err, began
	} else {
		r.view = View{Began: began, members: members, Viewers: r.viewers(members)}
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Room) viewers(members []Member) (n int) {
	for _, m := range members {
		if m.CanWatch && r.cameras[m.Identity] == 0 {
			n++
		}
	}
	return n
}
