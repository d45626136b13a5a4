// Package presence looks into LiveKit's rooms for all cameras of a site at once:
// who is there, and whether anybody watches. A room is asked once for all of its
// cameras, at intervals that keep to what LiveKit can bear.
package presence

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// The pace of asking.
const (
	// DefaultInterval is between two looks into a room that nobody is in a hurry
	// about. perRoom is added for each further room of the site.
	DefaultInterval = 10 * time.Second
	perRoom         = 200 * time.Millisecond
	// hurryGap is the least time between two looks into one room, however many
	// cameras ask for one.
	hurryGap = 500 * time.Millisecond
	// slowest bounds the interval that a server which fails, or is slow, makes longer.
	slowest = 2 * time.Minute
	// idleShare: a server is left alone for at least this many times as long as it
	// took for its last answer.
	idleShare = 4
	// atOnce is how many rooms are asked at the same time.
	atOnce = 4
	// answerLimit bounds one question.
	answerLimit = 8 * time.Second
)

// Member is a participant as far as it matters here.
type Member struct {
	Identity string
	SID      string
	Resource string // the WHIP session's name, where Ingress gave it to the participant
	State    string // LiveKit's own word
	Active   bool   // its transport works
	Video    bool   // publishes a video track
	Audio    bool
	// CanWatch says that this may be a viewer: no camera by kind, permission or mark.
	CanWatch bool
}

// List asks LiveKit who is in a room. A room that does not exist is empty.
type List func(ctx context.Context, room string) ([]Member, error)

// Config is what Rooms needs to know; only List is needed.
type Config struct {
	List     List
	Interval time.Duration // 0 means DefaultInterval
	Logger   *slog.Logger
}

// Rooms are those of one site. Add every camera, then Run.
type Rooms struct {
	cfg   Config
	log   *slog.Logger
	rooms map[string]*Room
	slots chan struct{}
}

// New makes Rooms without a room; it does no I/O.
func New(cfg Config) (*Rooms, error) {
	if cfg.List == nil {
		return nil, errors.New("presence: nobody to ask")
	}
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Rooms{cfg: cfg, log: cfg.Logger, rooms: map[string]*Room{}, slots: make(chan struct{}, atOnce)}, nil
}

// Add makes a camera known and returns its room. interval, if not 0, is how often
// this camera needs the room to be looked into. Call it before Run.
func (r *Rooms) Add(room, identity string, interval time.Duration) *Room {
	m := r.rooms[room]
	if m == nil {
		m = &Room{name: room, cameras: map[string]bool{}, changed: make(chan struct{}), soon: make(chan struct{}, 1)}
		r.rooms[room] = m
	}
	m.cameras[identity] = true
	if interval > 0 && (m.interval == 0 || interval < m.interval) {
		m.interval = interval
	}
	return m
}

// Run looks into the rooms until ctx ends.
func (r *Rooms) Run(ctx context.Context) {
	usual := r.cfg.Interval + perRoom*time.Duration(max(len(r.rooms)-1, 0))
	var wg sync.WaitGroup
	for _, room := range r.rooms {
		if room.interval == 0 || room.interval > usual {
			room.interval = usual
		}
		wg.Go(func() { r.watch(ctx, room) })
	}
	wg.Wait()
}

// watch looks into one room again and again.
func (r *Rooms) watch(ctx context.Context, room *Room) {
	pace := pace{interval: room.interval}
	// Not all rooms of a site at once.
	timer := time.NewTimer(rand.N(min(room.interval, 2*time.Second)))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-room.soon:
			if !sleep(ctx, time.Until(pace.earliest())) {
				return
			}
		}
		if !r.look(ctx, room, &pace) {
			return
		}
		timer.Reset(jittered(pace.next()))
	}
}

// look asks once. It returns false when ctx has ended.
func (r *Rooms) look(ctx context.Context, room *Room, pace *pace) bool {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	select {
	case <-room.soon: // whoever asked until now gets this answer
	default:
	}
	began := time.Now()
	actx, cancel := context.WithTimeout(ctx, answerLimit)
	members, err := r.cfg.List(actx, room.name)
	cancel()
	<-r.slots
	if ctx.Err() != nil {
		return false
	}
	switch told := pace.done(began, time.Now(), err); {
	case told && err != nil:
		r.log.Warn("the room cannot be asked who is there", "room", room.name, "err", err)
	case told:
		r.log.Info("the room can be asked again", "room", room.name)
	}
	room.set(began, members, err)
	return true
}

// pace is when a room is to be asked.
type pace struct {
	interval time.Duration
	began    time.Time // of the last question
	took     time.Duration
	failures int // in a row
}

// done takes an answer into account. It returns true when asking has begun to fail
// or has ceased to.
func (p *pace) done(began, now time.Time, err error) bool {
	p.began, p.took = began, now.Sub(began)
	failed := p.failures > 0
	p.failures++
	if err == nil {
		p.failures = 0
	}
	return failed != (err != nil)
}

// next is how long to wait before the next question.
func (p *pace) next() time.Duration {
	d := max(p.interval, idleShare*p.took)
	for range p.failures {
		d *= 2
		if d >= slowest {
			break
		}
	}
	return min(d, max(slowest, p.interval))
}

// earliest is when it may be asked if somebody is in a hurry.
func (p *pace) earliest() time.Time {
	gap := max(hurryGap, idleShare*p.took)
	for range min(p.failures, 8) {
		gap *= 2
	}
	return p.began.Add(min(gap, p.next()))
}

// jittered is d, up to a tenth longer or shorter.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Room is one room.
type Room struct {
	name     string
	cameras  map[string]bool // the identities of this site's
	interval time.Duration
	soon     chan struct{} // capacity 1: somebody is in a hurry

	mu      sync.Mutex
	view    View
	changed chan struct{} // closed and replaced with each view
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
		if m.CanWatch && !r.cameras[m.Identity] {
			n++
		}
	}
	return n
}
