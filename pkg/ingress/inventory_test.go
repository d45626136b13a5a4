package ingress

import (
	"maps"
	"testing"

	"github.com/livekit/protocol/livekit"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

const idle, publishing = livekit.IngressState_ENDPOINT_INACTIVE, livekit.IngressState_ENDPOINT_PUBLISHING

// put stores an ingress at the fake server.
func put(s *ingresstest.Server, id, name, room, identity string, state livekit.IngressState_Status) {
	off := false
	s.Put(&livekit.IngressInfo{
		IngressId: id, Name: name, RoomName: room, ParticipantIdentity: identity, ParticipantName: identity,
		InputType: livekit.IngressInput_WHIP_INPUT, EnableTranscoding: &off, Url: "https://w.example.com/w",
		State: &livekit.IngressState{Status: state},
	})
}

// named is a camera of the site "north".
func named(camera, room string) Spec {
	return Spec{Name: Marker("north", camera), Room: room, Identity: camera}
}

func TestEnsureAcrossRooms(t *testing.T) {
	for name, tc := range map[string]struct {
		stock func(*ingresstest.Server)
		spec  Spec
		id    string // "" for one made anew
		count int    // of all ingresses afterwards
		kills int
	}{
		"moved": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/north/gate", "old", "gate", idle) },
			spec:  named("gate", "new"), id: "IN_a", count: 1,
		},
		"moved, and somebody still publishes there": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/north/gate", "old", "gate", publishing) },
			spec:  named("gate", "new"), count: 2,
		},
		"moved without a site's name": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/gate", "old", "gate", idle) },
			spec:  Spec{Name: Marker("", "gate"), Room: "new", Identity: "gate"}, count: 2,
		},
		"another site's in another room": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/south/gate", "old", "gate", idle) },
			spec:  named("gate", "new"), count: 2,
		},
		"the site has been given a name": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/gate", "yard", "gate", idle) },
			spec:  named("gate", "yard"), id: "IN_a", count: 1,
		},
		"the site has been given a name and somebody publishes": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/gate", "yard", "gate", publishing) },
			spec:  named("gate", "yard"), count: 2,
		},
		"without a name, as somebody else": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/gate", "yard", "other", idle) },
			spec:  named("gate", "yard"), count: 2,
		},
		"another identity": {
			stock: func(s *ingresstest.Server) { put(s, "IN_a", "rtsp2whip/north/gate", "yard", "before", idle) },
			spec:  named("gate", "yard"), id: "IN_a", count: 1,
		},
		"here and there": {
			stock: func(s *ingresstest.Server) {
				put(s, "IN_a", "rtsp2whip/north/gate", "old", "gate", idle)
				put(s, "IN_b", "rtsp2whip/north/gate", "yard", "gate", publishing)
			},
			spec: named("gate", "yard"), id: "IN_b", count: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, _ := fake(t)
			s.PageSize = 1
			tc.stock(s)
			e := ensure(t, c, tc.spec)
			if tc.id != "" && e.IngressID != tc.id || tc.id == "" && e.IngressID == "IN_a" {
				t.Errorf("got %s, want %q", e.IngressID, tc.id)
			}
			if again := ensure(t, c, tc.spec); again.IngressID != e.IngressID {
				t.Errorf("the second time %s", again.IngressID)
			}
			all := s.Ingresses("")
			if len(all) != tc.count || len(s.Killed()) != tc.kills {
				t.Errorf("%d ingresses, want %d; killed %v", len(all), tc.count, s.Killed())
			}
			for _, i := range all {
				if i.IngressId == e.IngressID && (i.Name != tc.spec.Name || i.RoomName != tc.spec.Room || i.ParticipantIdentity != tc.spec.Identity) {
					t.Errorf("left as %v", i)
				}
			}
		})
	}
}

func TestInventory(t *testing.T) {
	s, c, _ := fake(t)
	for _, i := range []struct {
		id, name, room, identity string
		state                    livekit.IngressState_Status
	}{
		{"IN_gate", "rtsp2whip/north/gate", "yard", "gate", idle},
		{"IN_gate2", "rtsp2whip/north/gate", "yard", "gate", publishing},
		{"IN_gate3", "rtsp2whip/north/gate", "elsewhere", "gate", idle},
		{"IN_moved", "rtsp2whip/north/moved", "elsewhere", "moved", idle},
		{"IN_old", "rtsp2whip/old", "yard", "old", idle},
		{"IN_stranger", "rtsp2whip/old", "elsewhere", "old", idle},
		{"IN_gone", "rtsp2whip/north/gone", "yard", "gone", publishing},
		{"IN_south", "rtsp2whip/south/gate", "yard", "gate-south", idle},
		{"IN_hand", "my studio", "yard", "studio", idle},
	} {
		put(s, i.id, i.name, i.room, i.identity, i.state)
	}
	s.Put(&livekit.IngressInfo{IngressId: "IN_rtmp", Name: "rtsp2whip/north/gate", RoomName: "yard"})
	s.PageSize = 3
	specs := []Spec{named("gate", "yard"), named("moved", "yard"), named("old", "yard"), named("new", "yard")}

	items, err := c.Inventory(t.Context(), "north", specs)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Owner{}
	for _, i := range items {
		got[i.ID] = i.Owner
	}
	want := map[string]Owner{
		"IN_gate": Double, "IN_gate2": Kept, "IN_gate3": Double, "IN_moved": Adopted, "IN_old": Adopted,
		"IN_stranger": Unnamed, "IN_gone": Orphan, "IN_south": OtherSite, "IN_hand": Foreign, "IN_rtmp": Foreign,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}

	// Seen by a site without a name nothing is an orphan, whatever it is called.
	items, err = c.Inventory(t.Context(), "", []Spec{{Name: Marker("", "old"), Room: "yard", Identity: "old"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		want := OtherSite
		switch i.ID {
		case "IN_old":
			want = Kept
		case "IN_stranger":
			want = Unnamed
		case "IN_hand", "IN_rtmp":
			want = Foreign
		}
		if i.Owner != want {
			t.Errorf("%s: %s, want %s", i.ID, i.Owner, want)
		}
	}
}

// TestInventoryAgreesWithEnsure lets Ensure do its work: what the inventory
// called adopted is kept then, and nothing that it called kept has gone.
func TestInventoryAgreesWithEnsure(t *testing.T) {
	s, c, _ := fake(t)
	put(s, "IN_1", "rtsp2whip/north/a", "left", "a", idle)
	put(s, "IN_2", "rtsp2whip/b", "yard", "b", idle)
	put(s, "IN_3", "rtsp2whip/north/c", "yard", "c", idle)
	specs := []Spec{named("a", "yard"), named("b", "yard"), named("c", "yard"), named("d", "yard")}
	for _, spec := range specs {
		ensure(t, c, spec)
	}
	items, err := c.Inventory(t.Context(), "north", specs)
	if err != nil || len(items) != 4 {
		t.Fatalf("%v, %v", items, err)
	}
	for _, i := range items {
		if i.Owner != Kept {
			t.Errorf("%s (%s): %s", i.ID, i.Camera, i.Owner)
		}
	}
}
