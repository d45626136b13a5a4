package ingress

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// Participant is one member of a room as LiveKit's RoomService sees it.
type Participant struct {
	Identity    string
	SID         string
	DisplayName string
	// State is "joining", "joined", "active" or "disconnected"; only an active
	// one has a working transport.
	State string
	// Kind is "standard", "ingress", "egress", "sip", "agent", ...
	Kind       string
	Metadata   string
	Attributes map[string]string
	JoinedAt   time.Time
	Tracks     []Track
	// CanSubscribe tells whether it may watch what others publish.
	CanSubscribe bool
}

// Active tells whether the participant's transport works.
func (p Participant) Active() bool { return p.State == "active" }

// Publishes tells whether the participant has a track of kind "video" or "audio".
func (p Participant) Publishes(kind string) bool {
	for _, t := range p.Tracks {
		if t.Kind == kind {
			return true
		}
	}
	return false
}

// Track is one published track of a participant.
type Track struct {
	SID      string
	Kind     string // "video", "audio" or "data"
	Source   string // "camera", "microphone", "screen_share", ..., "unknown"
	Name     string
	MimeType string // "video/H264"
	Width    uint32
	Height   uint32
	Muted    bool
}

// Participants lists who is in a room. A room that does not exist is empty.
func (c *Client) Participants(ctx context.Context, room string) ([]Participant, error) {
	resp, err := call(ctx, c, "ListParticipants", true, c.rooms.ListParticipants, &livekit.ListParticipantsRequest{Room: room})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]Participant, 0, len(resp.GetParticipants()))
	for _, p := range resp.GetParticipants() {
		list = append(list, participantOf(p))
	}
	return list, nil
}

// Participant asks for one member of a room; the error is ErrNotFound if it is
// not there.
func (c *Client) Participant(ctx context.Context, room, identity string) (Participant, error) {
	p, err := call(ctx, c, "GetParticipant", true, c.rooms.GetParticipant,
		&livekit.RoomParticipantIdentity{Room: room, Identity: identity})
	if err != nil {
		return Participant{}, err
	}
	return participantOf(p), nil
}

// RemoveParticipant sends a member out of its room. One that is not there is no
// error. A publisher that tries again by itself comes back.
func (c *Client) RemoveParticipant(ctx context.Context, room, identity string) error {
	_, err := call(ctx, c, "RemoveParticipant", true, c.rooms.RemoveParticipant,
		&livekit.RoomParticipantIdentity{Room: room, Identity: identity})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// SetAttributes gives a member of a room these attributes and leaves its others
// as they are. The error is ErrNotFound while it is not there: a terminating
// Ingress lets a camera join some time after it has answered its POST.
func (c *Client) SetAttributes(ctx context.Context, room, identity string, attributes map[string]string) error {
	_, err := call(ctx, c, "UpdateParticipant", true, c.rooms.UpdateParticipant,
		&livekit.UpdateParticipantRequest{Room: room, Identity: identity, Attributes: attributes})
	return err
}

func participantOf(p *livekit.ParticipantInfo) Participant {
	out := Participant{
		Identity: p.GetIdentity(), SID: p.GetSid(), DisplayName: p.GetName(),
		State:    strings.ToLower(p.GetState().String()),
		Kind:     strings.ToLower(p.GetKind().String()),
		Metadata: p.GetMetadata(), Attributes: p.GetAttributes(),
		CanSubscribe: p.GetPermission() == nil || p.GetPermission().GetCanSubscribe(),
	}
	if s := p.GetJoinedAt(); s > 0 {
		out.JoinedAt = time.Unix(s, 0)
	}
	for _, t := range p.GetTracks() {
		out.Tracks = append(out.Tracks, Track{
			SID: t.GetSid(), Kind: strings.ToLower(t.GetType().String()),
			Source: strings.ToLower(t.GetSource().String()), Name: t.GetName(),
			MimeType: t.GetMimeType(), Width: t.GetWidth(), Height: t.GetHeight(), Muted: t.GetMuted(),
		})
	}
	return out
}
