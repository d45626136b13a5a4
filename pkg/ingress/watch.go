package ingress

import "github.com/livekit/protocol/livekit"

// Resource is the name of the WHIP session by which LiveKit Ingress has brought the
// participant into the room: the last part of that session's URL. It is empty for
// who came otherwise, through an Ingress that only relays included.
func (p Participant) Resource() string { return p.Attributes[livekit.AttrIngressResourceID] }

// CanWatch tells whether the participant may be a viewer of what others publish.
// Who may not subscribe is none, as the cameras of this program are not, and
// neither is an ingress or a telephone. Recorders (egress) and agents are: they work
// with the pictures.
func (p Participant) CanWatch() bool {
	return p.CanSubscribe && p.State != "disconnected" && p.Kind != "ingress" && p.Kind != "sip"
}
