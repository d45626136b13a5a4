package ingress

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

func TestEnsureMakes(t *testing.T) {
	for name, opts := range map[string][]func(*Config){"sdk": nil, "own http client": {ownHTTP}} {
		t.Run(name, func(t *testing.T) {
			s, c, log := fake(t, opts...)
			spec := gate
			spec.Metadata = `{"floor":1}`
			e := ensure(t, c, spec)
			info := only(t, s)
			if e.IngressID != info.IngressId || e.StreamKey.Reveal() != info.StreamKey || e.URL != s.WHIPBaseURL || e.State != Inactive {
				t.Errorf("endpoint %v for %v", e, info)
			}
			if info.Name != "rtsp2whip/gate" || info.RoomName != "site" || info.ParticipantIdentity != "cam-gate" ||
				info.ParticipantName != "Gate" || info.ParticipantMetadata != `{"floor":1}` {
				t.Errorf("made %v", info)
			}
			if info.InputType != livekit.IngressInput_WHIP_INPUT || info.EnableTranscoding == nil || *info.EnableTranscoding {
				t.Errorf("input %v, transcoding %v", info.InputType, info.EnableTranscoding)
			}
			if info.Video.GetSource() != livekit.TrackSource_CAMERA || info.Audio.GetSource() != livekit.TrackSource_MICROPHONE {
				t.Errorf("sources %v and %v", info.Video, info.Audio)
			}
			if !strings.Contains(log.String(), "ingress made") {
				t.Errorf("log: %s", log)
			}
			noSecret(t, log.String())
		})
	}
}

func TestEnsureAdopts(t *testing.T) {
	s, c, _ := fake(t)
	first := ensure(t, c, gate)
	s.SetState(first.IngressID, livekit.IngressState_ENDPOINT_PUBLISHING)
	lists := s.Calls("ListIngress")
	again := ensure(t, c, gate)
	if again.IngressID != first.IngressID || again.StreamKey != first.StreamKey || again.State != Publishing {
		t.Errorf("first %v, then %v", first, again)
	}
	if n := s.Calls("ListIngress") - lists; n != 1 {
		t.Errorf("%d lists for nothing changed", n)
	}
	if s.Calls("CreateIngress") != 1 || s.Calls("UpdateIngress") != 0 || len(s.Killed()) != 0 {
		t.Errorf("created %d, updated %d, killed %v", s.Calls("CreateIngress"), s.Calls("UpdateIngress"), s.Killed())
	}
}

func TestEnsureLeavesOthersAlone(t *testing.T) {
	s, c, _ := fake(t)
	off := false
	others := []*livekit.IngressInfo{
		{Name: "rtsp2whip/gate", RoomName: "elsewhere", InputType: livekit.IngressInput_WHIP_INPUT, EnableTranscoding: &off},
		{Name: "rtsp2whip/gate", RoomName: "site", InputType: livekit.IngressInput_RTMP_INPUT},
		{Name: "rtsp2whip/gate2", RoomName: "site", InputType: livekit.IngressInput_WHIP_INPUT, EnableTranscoding: &off},
		{Name: "", RoomName: "site", InputType: livekit.IngressInput_WHIP_INPUT, ParticipantIdentity: "cam-gate"},
	}
	for _, o := range others {
		s.Put(o)
	}
	ensure(t, c, gate)
	if n := len(s.Ingresses("")); n != len(others)+1 {
		t.Errorf("%d ingresses, want %d", n, len(others)+1)
	}
	if s.Calls("DeleteIngress")+s.Calls("UpdateIngress") != 0 {
		t.Error("touched another's ingress")
	}
}

func TestEnsureRepairs(t *testing.T) {
	on, off := true, false
	good := func() *livekit.IngressInfo {
		return &livekit.IngressInfo{
			Name: gate.Name, RoomName: "site", InputType: livekit.IngressInput_WHIP_INPUT, Url: "https://w.example.com/w",
			ParticipantIdentity: "cam-gate", ParticipantName: "Gate", EnableTranscoding: &off,
		}
	}
	for name, tc := range map[string]struct {
		spoil   func(*livekit.IngressInfo)
		spec    func(*Spec)
		updates int
		anew    bool
	}{
		"nothing":              {spoil: func(*livekit.IngressInfo) {}},
		"identity":             {spoil: func(i *livekit.IngressInfo) { i.ParticipantIdentity = "x" }, updates: 1},
		"display name":         {spoil: func(i *livekit.IngressInfo) { i.ParticipantName = "x" }, updates: 1},
		"display name dropped": {spoil: func(*livekit.IngressInfo) {}, spec: func(s *Spec) { s.DisplayName = "" }, updates: 1},
		"metadata":             {spoil: func(i *livekit.IngressInfo) { i.ParticipantMetadata = "x" }, spec: func(s *Spec) { s.Metadata = "y" }, updates: 1},
		"metadata dropped":     {spoil: func(i *livekit.IngressInfo) { i.ParticipantMetadata = "x" }, anew: true},
		"transcoding":          {spoil: func(i *livekit.IngressInfo) { i.EnableTranscoding = &on }, updates: 1},
		"transcoding, old way": {spoil: func(i *livekit.IngressInfo) { i.EnableTranscoding = nil }, updates: 1},
		"made without a url":   {spoil: func(i *livekit.IngressInfo) { i.Url = "" }, anew: true},
		"url made wrong":       {spoil: func(i *livekit.IngressInfo) { i.Url = "whip.example.com" }, anew: true},
		"url overridden":       {spoil: func(i *livekit.IngressInfo) { i.Url = "" }, spec: func(s *Spec) { s.WHIPURL = "https://o.example.com/w/" }},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, _ := fake(t)
			info, spec := good(), gate
			tc.spoil(info)
			if tc.spec != nil {
				tc.spec(&spec)
			}
			old := s.Put(info)
			e := ensure(t, c, spec)
			if anew := e.IngressID != old.IngressId; anew != tc.anew {
				t.Errorf("made anew: %v", anew)
			}
			if n := s.Calls("UpdateIngress"); n != tc.updates {
				t.Errorf("%d updates, want %d", n, tc.updates)
			}
			now := only(t, s)
			if now.ParticipantIdentity != spec.Identity || now.ParticipantName != spec.displayName() ||
				now.ParticipantMetadata != spec.Metadata || now.GetEnableTranscoding() {
				t.Errorf("left as %v", now)
			}
			if e.StreamKey.Reveal() != now.StreamKey || strings.HasSuffix(e.URL, "/w/") || e.URL == "" {
				t.Errorf("endpoint %v", e)
			}
		})
	}
}

func TestEnsureDeletesDoubles(t *testing.T) {
	off := false
	double := func(id string, state livekit.IngressState_Status, started int64) *livekit.IngressInfo {
		return &livekit.IngressInfo{
			IngressId: id, Name: gate.Name, RoomName: "site", InputType: livekit.IngressInput_WHIP_INPUT,
			ParticipantIdentity: "cam-gate", ParticipantName: "Gate", EnableTranscoding: &off, Url: "https://w.example.com/w",
			State: &livekit.IngressState{Status: state, StartedAt: started},
		}
	}
	const buffering = livekit.IngressState_ENDPOINT_BUFFERING
	for name, tc := range map[string]struct {
		doubles []*livekit.IngressInfo
		keep    string
	}{
		"the live one":         {[]*livekit.IngressInfo{double("IN_a", idle, 5), double("IN_b", buffering, 9), double("IN_c", publishing, 9)}, "IN_c"},
		"the one in use first": {[]*livekit.IngressInfo{double("IN_a", idle, 0), double("IN_b", idle, 9), double("IN_c", idle, 5)}, "IN_c"},
		"the same for all":     {[]*livekit.IngressInfo{double("IN_b", idle, 0), double("IN_a", idle, 0), double("IN_c", idle, 0)}, "IN_a"},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, log := fake(t)
			s.PageSize = 1
			for _, d := range tc.doubles {
				s.Put(d)
			}
			if e := ensure(t, c, gate); e.IngressID != tc.keep || only(t, s).IngressId != tc.keep {
				t.Errorf("kept %s, want %s", e.IngressID, tc.keep)
			}
			if len(s.Killed()) > 1 || strings.Count(log.String(), "double ingress deleted") != 2 {
				t.Errorf("killed %v, log %s", s.Killed(), log)
			}
		})
	}
}

func TestEnsureKeepsGoingWhenADoubleStays(t *testing.T) {
	s, c, log := fake(t)
	ensure(t, c, gate)
	double := s.Ingresses("")[0]
	double.IngressId, double.StreamKey = "IN_z", ""
	s.Put(double)
	s.Fault = on("DeleteIngress", 1, ingresstest.Fault{Status: 500, Body: "no"})
	ensure(t, c, gate)
	if !strings.Contains(log.String(), "double ingress not deleted") {
		t.Errorf("log: %s", log)
	}
	ensure(t, c, gate)
	only(t, s)
}

func TestEnsurePages(t *testing.T) {
	s, c, _ := fake(t)
	s.PageSize = 3
	for i := range 20 {
		s.Put(&livekit.IngressInfo{Name: fmt.Sprintf("other-%d", i), RoomName: "site"})
	}
	first := ensure(t, c, gate)
	if again := ensure(t, c, gate); again.IngressID != first.IngressID || s.Calls("CreateIngress") != 1 {
		t.Errorf("%v, then %v", first, again)
	}
	infos, err := c.List(t.Context(), "site")
	if err != nil || len(infos) != 21 {
		t.Errorf("List: %d, %v", len(infos), err)
	}
	noSecret(t, allForms(infos))
}

func TestEnsureDisabled(t *testing.T) {
	s, c, _ := fake(t)
	ensure(t, c, gate)
	off, info := false, only(t, s)
	info.Enabled = &off
	s.Put(info)
	_, err := c.Ensure(t.Context(), gate)
	wantError(t, err, Disabled, true, "disabled in LiveKit", "enable the ingress")
}

func TestEnsureWithoutURL(t *testing.T) {
	s, c, _ := fake(t)
	s.WHIPBaseURL = ""
	for range 3 {
		_, err := c.Ensure(t.Context(), gate)
		wantError(t, err, NoWHIPURL, true, "returned none", "whip_base_url is not set in livekit-server's config")
	}
	if len(s.Ingresses("")) > 1 {
		t.Errorf("%d ingresses left behind", len(s.Ingresses("")))
	}
	s.WHIPBaseURL = "https://whip.example.com/w/" // set right: works by itself
	if e := ensure(t, c, gate); e.URL != "https://whip.example.com/w" {
		t.Errorf("endpoint %v", e)
	}
	only(t, s)
}

func TestEnsureChecksSpec(t *testing.T) {
	s, c, _ := fake(t)
	for want, spec := range map[string]Spec{
		"no name": {Room: "r", Identity: "i"}, "no room": {Name: "n", Identity: "i"}, "no identity": {Name: "n", Room: "r"},
		"livekit.whip_url is something": {Name: "n", Room: "r", Identity: "i", WHIPURL: "ftp://x/"},
	} {
		if _, err := c.Ensure(t.Context(), spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", spec, err)
		}
	}
	if s.Calls("ListIngress") != 0 {
		t.Error("asked the server all the same")
	}
}

func TestEnsureCanceled(t *testing.T) {
	s, c, _ := fake(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.Fault = func(string, int) ingresstest.Fault { cancel(); return ingresstest.Fault{Hang: true} }
	_, err := c.Ensure(ctx, gate)
	wantError(t, err, Canceled, false, "canceled", "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
}

func TestDelete(t *testing.T) {
	s, c, _ := fake(t)
	e := ensure(t, c, gate)
	for range 2 {
		if err := c.Delete(t.Context(), e.IngressID); err != nil {
			t.Error(err)
		}
	}
	if len(s.Ingresses("")) != 0 {
		t.Error("still there")
	}
}
