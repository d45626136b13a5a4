package ingress

import (
	"testing"

	"github.com/livekit/protocol/livekit"
)

func TestWhoMayWatch(t *testing.T) {
	may, mayNot := &livekit.ParticipantPermission{CanSubscribe: true}, &livekit.ParticipantPermission{}
	for _, c := range []struct {
		name string
		p    *livekit.ParticipantInfo
		want bool
	}{
		{"a person", &livekit.ParticipantInfo{State: livekit.ParticipantInfo_ACTIVE, Permission: may}, true},
		{"a person who joins", &livekit.ParticipantInfo{State: livekit.ParticipantInfo_JOINING, Permission: may}, true},
		{"a server that tells no permissions", &livekit.ParticipantInfo{State: livekit.ParticipantInfo_ACTIVE}, true},
		{"one who left", &livekit.ParticipantInfo{State: livekit.ParticipantInfo_DISCONNECTED, Permission: may}, false},
		{"one who publishes only", &livekit.ParticipantInfo{Permission: mayNot}, false},
		{"an ingress", &livekit.ParticipantInfo{Kind: livekit.ParticipantInfo_INGRESS, Permission: may}, false},
		{"a telephone", &livekit.ParticipantInfo{Kind: livekit.ParticipantInfo_SIP, Permission: may}, false},
		{"a recorder", &livekit.ParticipantInfo{Kind: livekit.ParticipantInfo_EGRESS, Permission: may}, true},
		{"an agent", &livekit.ParticipantInfo{Kind: livekit.ParticipantInfo_AGENT, Permission: may}, true},
	} {
		if got := participantOf(c.p).CanWatch(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestResourceOfAParticipant(t *testing.T) {
	p := participantOf(&livekit.ParticipantInfo{Attributes: map[string]string{"ingress.resourceID": "WH_1"}})
	if p.Resource() != "WH_1" || (Participant{}).Resource() != "" {
		t.Errorf("%q", p.Resource())
	}
}
