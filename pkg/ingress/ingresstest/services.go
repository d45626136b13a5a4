package ingresstest

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
)

// ingressAPI is livekit-server's Ingress service.
type ingressAPI struct{ s *Server }

func (a ingressAPI) enter(ctx context.Context) error {
	if !a.s.granted(ctx, func(g *auth.VideoGrant) bool { return g.IngressAdmin }) {
		return twirp.NewError(twirp.Unauthenticated, errPermission.Error())
	}
	if a.s.NoRedis {
		// livekit-server v1.13 words it so.
		return twirp.NewError(twirp.Internal, "twirp error unknown: ingress not connected (redis required)")
	}
	return nil
}

func (a ingressAPI) CreateIngress(ctx context.Context, r *livekit.CreateIngressRequest) (*livekit.IngressInfo, error) {
	if err := a.enter(ctx); err != nil {
		return nil, err
	}
	if r.InputType != livekit.IngressInput_WHIP_INPUT || r.ParticipantIdentity == "" {
		return nil, twirp.NewError(twirp.InvalidArgument, "no WHIP input or no participant identity")
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return a.s.put(&livekit.IngressInfo{
		Name: r.Name, Url: a.s.WHIPBaseURL, InputType: r.InputType, EnableTranscoding: r.EnableTranscoding,
		Audio: r.Audio, Video: r.Video, RoomName: r.RoomName, ParticipantIdentity: r.ParticipantIdentity,
		ParticipantName: r.ParticipantName, ParticipantMetadata: r.ParticipantMetadata,
		Reusable: true, Enabled: r.Enabled,
	}), nil
}

func (a ingressAPI) UpdateIngress(ctx context.Context, r *livekit.UpdateIngressRequest) (*livekit.IngressInfo, error) {
	if err := a.enter(ctx); err != nil {
		return nil, err
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	info := a.s.ingresses[r.IngressId]
	if info == nil {
		return nil, twirp.NewError(twirp.NotFound, "ingress does not exist")
	}
	a.s.kill(info)
	for to, want := range map[*string]string{
		&info.Name: r.Name, &info.RoomName: r.RoomName, &info.ParticipantIdentity: r.ParticipantIdentity,
		&info.ParticipantName: r.ParticipantName, &info.ParticipantMetadata: r.ParticipantMetadata,
	} {
		if want != "" {
			*to = want
		}
	}
	if r.EnableTranscoding != nil {
		info.EnableTranscoding = r.EnableTranscoding
	}
	return clone(info), nil
}

func (s *Server) kill(info *livekit.IngressInfo) {
	switch info.GetState().GetStatus() {
	case livekit.IngressState_ENDPOINT_BUFFERING, livekit.IngressState_ENDPOINT_PUBLISHING:
		s.killed = append(s.killed, info.IngressId)
		info.State = &livekit.IngressState{}
	}
}

func (a ingressAPI) ListIngress(ctx context.Context, r *livekit.ListIngressRequest) (*livekit.ListIngressResponse, error) {
	if err := a.enter(ctx); err != nil {
		return nil, err
	}
	items := a.s.Ingresses(r.RoomName)
	if a.s.PageSize == 0 {
		return &livekit.ListIngressResponse{Items: items}, nil
	}
	from, _ := strconv.Atoi(r.GetPageToken().GetToken())
	from = min(max(from, 0), len(items))
	to := min(from+a.s.PageSize, len(items))
	resp := &livekit.ListIngressResponse{Items: items[from:to]}
	if to < len(items) {
		resp.NextPageToken = &livekit.TokenPagination{Token: strconv.Itoa(to)}
	}
	return resp, nil
}

// Make stores a WHIP ingress, live or idle, for who knows no more of it, and
// returns its id.
func (s *Server) Make(name, room, identity string, live bool) string {
	off := false
	info := &livekit.IngressInfo{
		Name: name, RoomName: room, ParticipantIdentity: identity, ParticipantName: identity, Url: s.WHIPBaseURL,
		InputType: livekit.IngressInput_WHIP_INPUT, EnableTranscoding: &off, Reusable: true,
	}
	if live {
		info.State = &livekit.IngressState{Status: livekit.IngressState_ENDPOINT_PUBLISHING}
	}
	return s.Put(info).IngressId
}

// Ingresses returns those of a room, or all if room is empty, by id.
func (s *Server) Ingresses(room string) []*livekit.IngressInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []*livekit.IngressInfo
	for _, id := range slices.Sorted(maps.Keys(s.ingresses)) {
		if info := s.ingresses[id]; room == "" || info.RoomName == room {
			items = append(items, clone(info))
		}
	}
	return items
}

// clone makes what leaves the lock, because the server goes on changing its own.
func clone(info *livekit.IngressInfo) *livekit.IngressInfo {
	return proto.Clone(info).(*livekit.IngressInfo)
}

func (a ingressAPI) DeleteIngress(ctx context.Context, r *livekit.DeleteIngressRequest) (*livekit.IngressInfo, error) {
	if err := a.enter(ctx); err != nil {
		return nil, err
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	info := a.s.ingresses[r.IngressId]
	if info == nil {
		return nil, twirp.NewError(twirp.NotFound, "ingress does not exist")
	}
	a.s.kill(info)
	delete(a.s.ingresses, r.IngressId)
	return info, nil
}

// roomAPI is the part of RoomService that package ingress uses. The embedded
// interface stays nil: another method is a bug of the test's.
type roomAPI struct {
	livekit.RoomService
	s *Server
}

func (a roomAPI) enter(ctx context.Context, room string) error {
	if !a.s.granted(ctx, func(g *auth.VideoGrant) bool { return g.RoomAdmin && g.Room == room }) {
		return twirp.NewError(twirp.Unauthenticated, errPermission.Error())
	}
	return nil
}

func (a roomAPI) ListParticipants(ctx context.Context, r *livekit.ListParticipantsRequest) (*livekit.ListParticipantsResponse, error) {
	if err := a.enter(ctx, r.Room); err != nil {
		return nil, err
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	list, ok := a.s.rooms[r.Room]
	if !ok {
		return nil, twirp.NewError(twirp.NotFound, "requested room does not exist")
	}
	resp := &livekit.ListParticipantsResponse{}
	for _, p := range list {
		resp.Participants = append(resp.Participants, proto.Clone(p).(*livekit.ParticipantInfo))
	}
	return resp, nil
}

func (a roomAPI) GetParticipant(ctx context.Context, r *livekit.RoomParticipantIdentity) (*livekit.ParticipantInfo, error) {
	if err := a.enter(ctx, r.Room); err != nil {
		return nil, err
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if p := a.s.participant(r.Room, r.Identity); p != nil {
		return proto.Clone(p).(*livekit.ParticipantInfo), nil
	}
	return nil, errNobody()
}

// participant returns nil if there is none. The lock is held.
func (s *Server) participant(room, identity string) *livekit.ParticipantInfo {
	for _, p := range s.rooms[room] {
		if p.Identity == identity {
			return p
		}
	}
	return nil
}

func errNobody() error { return twirp.NewError(twirp.NotFound, "participant does not exist") }

func (a roomAPI) RemoveParticipant(ctx context.Context, r *livekit.RoomParticipantIdentity) (*livekit.RemoveParticipantResponse, error) {
	if err := a.enter(ctx, r.Room); err != nil {
		return nil, err
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	if a.s.participant(r.Room, r.Identity) == nil {
		return nil, errNobody()
	}
	a.s.rooms[r.Room] = slices.DeleteFunc(a.s.rooms[r.Room], func(p *livekit.ParticipantInfo) bool {
		return p.Identity == r.Identity
	})
	return &livekit.RemoveParticipantResponse{}, nil
}

// UpdateParticipant sets attributes only; an empty value takes one away.
func (a roomAPI) UpdateParticipant(ctx context.Context, r *livekit.UpdateParticipantRequest) (*livekit.ParticipantInfo, error) {
	if err := a.enter(ctx, r.Room); err != nil {
		return nil, err
	}
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	p := a.s.participant(r.Room, r.Identity)
	if p == nil {
		return nil, errNobody()
	}
	if p.Attributes == nil {
		p.Attributes = map[string]string{}
	}
	maps.Copy(p.Attributes, r.Attributes)
	maps.DeleteFunc(p.Attributes, func(_, v string) bool { return v == "" })
	return proto.Clone(p).(*livekit.ParticipantInfo), nil
}
