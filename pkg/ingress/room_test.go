package ingress

import (
	"context"
	"errors"
	"testing"

	"github.com/livekit/protocol/livekit"
)

func TestParticipants(t *testing.T) {
	for name, opts := range map[string][]func(*Config){"sdk": nil, "own http client": {ownHTTP}} {
		t.Run(name, func(t *testing.T) {
			s, c, _ := fake(t, opts...)
			if list, err := c.Participants(t.Context(), "site"); err != nil || len(list) != 0 {
				t.Errorf("a room that does not exist: %v, %v", list, err)
			}
			s.Join("site", &livekit.ParticipantInfo{
				Sid: "PA_1", Identity: "cam-gate", Name: "Gate", State: livekit.ParticipantInfo_ACTIVE,
				Kind: livekit.ParticipantInfo_INGRESS, JoinedAt: 1_700_000_000,
				Attributes: map[string]string{"ingress.resourceID": "WH_1"},
				Tracks: []*livekit.TrackInfo{{
					Sid: "TR_1", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA,
					MimeType: "video/H264", Width: 1920, Height: 1080,
				}},
			})
			s.Join("site", &livekit.ParticipantInfo{Identity: "human"})
			list, err := c.Participants(t.Context(), "site")
			if err != nil || len(list) != 2 || list[1].Identity != "human" || list[1].Active() {
				t.Fatalf("%v, %v", list, err)
			}
			p, err := c.Participant(t.Context(), "site", "cam-gate")
			if err != nil || !p.Active() || p.Kind != "ingress" || p.SID != "PA_1" || p.DisplayName != "Gate" ||
				p.JoinedAt.Unix() != 1_700_000_000 || p.Attributes["ingress.resourceID"] != "WH_1" {
				t.Errorf("%+v, %v", p, err)
			}
			want := Track{SID: "TR_1", Kind: "video", Source: "camera", MimeType: "video/H264", Width: 1920, Height: 1080}
			if len(p.Tracks) != 1 || p.Tracks[0] != want || !p.Publishes("video") || p.Publishes("audio") {
				t.Errorf("tracks %+v", p.Tracks)
			}
			if _, err := c.Participant(t.Context(), "site", "nobody"); !errors.Is(err, ErrNotFound) {
				t.Errorf("nobody: %v", err)
			}
		})
	}
}

func TestParticipantIsChanged(t *testing.T) {
	for name, opts := range map[string][]func(*Config){"sdk": nil, "own http client": {ownHTTP}} {
		t.Run(name, func(t *testing.T) {
			s, c, _ := fake(t, opts...)
			if err := c.SetAttributes(t.Context(), "site", "cam-gate", map[string]string{"a": "1"}); !errors.Is(err, ErrNotFound) {
				t.Errorf("attributes of nobody: %v", err)
			}
			s.Join("site", &livekit.ParticipantInfo{Identity: "cam-gate", Attributes: map[string]string{"ingress.resourceID": "WH_1"}})
			if err := c.SetAttributes(t.Context(), "site", "cam-gate", map[string]string{"floor": "2"}); err != nil {
				t.Error(err)
			}
			p, err := c.Participant(t.Context(), "site", "cam-gate")
			if err != nil || len(p.Attributes) != 2 || p.Attributes["floor"] != "2" || p.Attributes["ingress.resourceID"] != "WH_1" {
				t.Errorf("%+v, %v", p, err)
			}
			for range 2 { // the second time nobody is there any more
				if err := c.RemoveParticipant(t.Context(), "site", "cam-gate"); err != nil {
					t.Error(err)
				}
			}
			if list, err := c.Participants(t.Context(), "site"); err != nil || len(list) != 0 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}

func TestLocks(t *testing.T) {
	var l locks
	release, err := l.acquire(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.acquire(t.Context(), "b") // another key does not wait
	if err != nil {
		t.Fatal(err)
	}
	other()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.acquire(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with a context that is done: %v", err)
	}
	got := make(chan func())
	go func() {
		release, _ := l.acquire(context.Background(), "a")
		got <- release
	}()
	select {
	case <-got:
		t.Fatal("locked twice")
	default:
	}
	release()
	(<-got)()
	if len(l.held) != 0 {
		t.Errorf("%d keys kept", len(l.held))
	}
}
