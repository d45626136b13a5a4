// Package presence looks into LiveKit's rooms for all cameras of a site at once:
// who is there, and whether anybody watches. A room is asked once for all of its
// cameras, at intervals that keep to what LiveKit can bear.
package presence

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
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

// Rooms are those of one site. Cameras may come and go while it runs.
type Rooms struct {
	cfg   Config
	log   *slog.Logger
	slots chan struct{}
	fresh chan struct{} // capacity 1: there are rooms that are not watched yet

	mu      sync.Mutex
	rooms   map[string]*Room
	unknown []*Room // not watched yet
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
	return &Rooms{
		cfg: cfg, log: cfg.Logger, slots: make(chan struct{}, atOnce), fresh: make(chan struct{}, 1), rooms: map[string]*Room{},
	}, nil
}

// Add makes a camera known and returns its room. interval, if not 0, is how often
// this camera needs the room to be looked into. Each Add needs its Remove.
func (r *Rooms) Add(room, identity string, interval time.Duration) *Room {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.rooms[room]
	if m == nil {
		m = newRoom(room)
		r.rooms[room] = m
		r.unknown = append(r.unknown, m)
		select {
		case r.fresh <- struct{}{}:
		default:
		}
	}
	m.join(identity, interval)
	return m
}

// Remove forgets a camera by what Add was given. A room without cameras is not
// looked into any more.
func (r *Rooms) Remove(room, identity string, interval time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.rooms[room]
	if m != nil && m.leave(identity, interval) {
		delete(r.rooms, room)
		close(m.gone)
	}
}

// Run looks into the rooms until ctx ends.
func (r *Rooms) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		r.mu.Lock()
		rooms := r.unknown
		r.unknown = nil
		r.mu.Unlock()
		for _, room := range rooms {
			wg.Go(func() { r.watch(ctx, room) })
		}
		select {
		case <-ctx.Done():
			return
		case <-r.fresh:
		}
	}
}

// interval is how long to wait between two looks into a room.
func (r *Rooms) interval(room *Room) time.Duration {
	r.mu.Lock()
	usual := r.cfg.Interval + perRoom*time.Duration(max(len(r.rooms)-1, 0))
	r.mu.Unlock()
	if wanted := room.wanted(); wanted > 0 {
		return min(wanted, usual)
	}
	return usual
}

// watch looks into one room again and again.
func (r *Rooms) watch(ctx context.Context, room *Room) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer func() { <-stop }()
	go func() {
		defer close(stop)
		select {
		case <-room.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer cancel()
	pace := pace{interval: r.interval(room)}
	// Not all rooms of a site at once.
	timer := time.NewTimer(rand.N(min(pace.interval, 2*time.Second)))
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
		pace.interval = r.interval(room)
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
