package ingress

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/livekit/protocol/livekit"
)

// find returns the camera's ingress in its room, nil if it has none there, and
// deletes doubles.
func (c *Client) find(ctx context.Context, spec Spec) (*livekit.IngressInfo, error) {
	inRoom, err := c.list(ctx, spec.Room)
	if err != nil {
		return nil, err
	}
	return c.choose(ctx, spec, inRoom), nil
}

// choose picks the camera's ingress out of those of its room, nil if none is,
// and deletes doubles.
func (c *Client) choose(ctx context.Context, spec Spec, inRoom []*livekit.IngressInfo) *livekit.IngressInfo {
	var ours []*livekit.IngressInfo
	for _, i := range inRoom {
		if i.GetRoomName() == spec.Room && carries(i, spec.Name) {
			ours = append(ours, i)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	slices.SortFunc(ours, better)
	for _, double := range ours[1:] {
		// One that stays behind does no harm until the next Ensure, so failing
		// here must not keep the camera out of its room.
		if err := c.Delete(ctx, double.GetIngressId()); err != nil {
			c.log.WarnContext(ctx, "double ingress not deleted", "ingress", double.GetIngressId(), "name", spec.Name, "error", err)
			continue
		}
		c.logDone(ctx, "double ingress deleted", double)
	}
	return ours[0]
}

// adopt looks for an ingress that is the camera's although its room or its
// marker is another: what the site made before it had a name, and what the camera
// had in the room that it has left. Both can be told only with a site's name in
// the marker. repair makes it fit.
func (c *Client) adopt(ctx context.Context, spec Spec, inRoom []*livekit.IngressInfo) (*livekit.IngressInfo, error) {
	site, camera, ok := ParseMarker(spec.Name)
	if !ok || site == "" {
		return nil, nil
	}
	var ours []*livekit.IngressInfo
	for _, i := range inRoom {
		if carries(i, Marker("", camera)) && i.GetRoomName() == spec.Room &&
			i.GetParticipantIdentity() == spec.Identity && !stateOf(i).Live() {
			ours = append(ours, i)
		}
	}
	if len(ours) == 0 {
		all, err := c.list(ctx, "")
		if err != nil {
			return nil, err
		}
		for _, i := range all {
			if carries(i, spec.Name) && !stateOf(i).Live() {
				ours = append(ours, i)
			}
		}
	}
	if len(ours) == 0 {
		return nil, nil
	}
	slices.SortFunc(ours, better)
	return ours[0], nil
}

// carries tells whether an ingress is one for WHIP with this marker.
func carries(i *livekit.IngressInfo, marker string) bool {
	return i.GetName() == marker && i.GetInputType() == livekit.IngressInput_WHIP_INPUT
}

// better orders doubles, the one to keep first: the one in use, then the one
// used longest ago, then by id. LiveKit does not tell when an ingress was made;
// what counts is that two boxes with the same list choose the same one.
func better(a, b *livekit.IngressInfo) int {
	rank := func(i *livekit.IngressInfo) int {
		switch stateOf(i) {
		case Publishing:
			return 0
		case Buffering:
			return 1
		default:
			return 2
		}
	}
	started := func(i *livekit.IngressInfo) int64 {
		if at := i.GetState().GetStartedAt(); at > 0 {
			return at
		}
		return math.MaxInt64 // never
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(started(a), started(b)),
		cmp.Compare(a.GetIngressId(), b.GetIngressId()),
	)
}
