package site

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/presence"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

// newRooms looks into LiveKit's rooms for all cameras.
func newRooms(lk *ingress.Client, log *slog.Logger) (*presence.Rooms, error) {
	return presence.New(presence.Config{Logger: log, List: lister(lk, &residence{addresses: net.InterfaceAddrs})})
}

// lister asks LiveKit, over connections that are not dead.
func lister(lk *ingress.Client, box *residence) presence.List {
	return func(ctx context.Context, room string) ([]presence.Member, error) {
		if box.moved() {
			lk.CloseIdleConnections()
		}
		participants, err := lk.Participants(ctx, room)
		if err != nil {
			lk.CloseIdleConnections() // they may be dead for another reason
			return nil, err
		}
		members := make([]presence.Member, len(participants))
		for i, p := range participants {
			members[i] = presence.Member{
				Identity: p.Identity, SID: p.SID, Resource: p.Resource(), State: p.State, Active: p.Active(),
				Video: p.Publishes("video"), Audio: p.Publishes("audio"), CanWatch: p.CanWatch(),
			}
		}
		return members, nil
	}
}

// residence is where the box is in its networks. Connections that were kept from
// before it has moved are bound to an address that it has no longer: what is asked
// over them is answered by a timeout, and cameras wait for that to be live.
type residence struct {
	addresses func() ([]net.Addr, error)

	mu   sync.Mutex
	last string
}

// moved tells whether the box's addresses are others than the last time.
func (r *residence) moved() bool {
	all, err := r.addresses()
	if err != nil {
		return false
	}
	var texts []string
	for _, a := range all {
		texts = append(texts, a.String())
	}
	slices.Sort(texts)
	now := strings.Join(texts, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.last
	r.last = now
	return before != "" && before != now
}

// seat is a camera's place in a LiveKit room, as its publisher sees it.
type seat struct {
	room     *presence.Room
	identity string
	name     string // for people
	leave    func() // to be called once, when the camera has ended
}

func newSeat(rooms *presence.Rooms, c Camera, lk LiveKit) *seat {
	var every time.Duration
	if c.Publish == PublishOnDemand {
		every = lk.Poll.Std()
	}
	return &seat{
		room: rooms.Add(c.Room, c.Identity, every), identity: c.Identity,
		name:  fmt.Sprintf("%q in room %q", c.Identity, c.Room),
		leave: func() { rooms.Remove(c.Room, c.Identity, every) },
	}
}

func (s *seat) String() string { return s.name }

func (s *seat) Refresh() { s.room.Refresh() }

func (s *seat) Look() (publisher.Sighting, <-chan struct{}) {
	view, changed := s.room.Look()
	out := publisher.Sighting{Began: view.Began, Err: view.Err, Failed: view.Failed, Viewers: view.Viewers}
	if m, ok := view.Member(s.identity); ok {
		out.Present, out.Active, out.Word = true, m.Active, m.State
		out.Video, out.Audio = m.Video, m.Audio
		out.ID = publisher.SessionID{Participant: m.SID, Resource: m.Resource}
	}
	return out, changed
}

// participantPrefix begins the SIDs of LiveKit's participants, and the names of the
// WHIP sessions of livekit-server, which are the same.
const participantPrefix = "PA_"

// ID is by what the room tells this session from another one.
func (s *session) ID() publisher.SessionID {
	name := s.ResourceName()
	if strings.HasPrefix(name, participantPrefix) {
		return publisher.SessionID{Participant: name}
	}
	return publisher.SessionID{Resource: name}
}
