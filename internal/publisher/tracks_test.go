package publisher

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSilentAudioIsLeftOut(t *testing.T) {
	cam := videoOnly()
	cam.tracks = append(cam.tracks, Track{ID: 1, Kind: Audio, Codec: CodecPCMU, ClockRate: 8000, Channels: 1})
	cam.silent[1] = true
	target := &fakeTarget{audio: map[string][]string{CodecPCMU: {CodecPCMU}}}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		s := wantState(t, p, Live)
		if len(target.offers[0]) != 1 {
			t.Errorf("offered %+v: a silent track makes LiveKit Ingress end the session", target.offers[0])
		}
		if !strings.Contains(s.AudioNote, "sends none") || s.Audio != "" {
			t.Errorf("audio %q, note %q", s.Audio, s.AudioNote)
		}
	})
}

func TestMuLawBecomesALawWhereTheTargetTakesOnlyThat(t *testing.T) {
	cam := videoOnly()
	cam.tracks = append(cam.tracks, Track{ID: 1, Kind: Audio, Codec: CodecPCMU, ClockRate: 8000, Channels: 1})
	target := &fakeTarget{audio: map[string][]string{CodecPCMU: {CodecPCMA}}}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		wantState(t, p, Live)
		sent := target.all()[0].packets(1)
		checkLine(t, sent)
		// µ-law 0x00 is the most negative value; in A-law that is 0x2a.
		if got := sent[len(sent)-1].first; got != 0x2a {
			t.Errorf("first sample 0x%02x, want 0x2a", got)
		}
	})
}

func TestAudioThatTheTargetDoesNotTake(t *testing.T) {
	cam := videoOnly()
	cam.tracks = append(cam.tracks, Track{ID: 1, Kind: Audio, Codec: "MPEG4-GENERIC", ClockRate: 16000, Channels: 1})
	log := bubble(t, cam, &fakeTarget{}, nil, func(t *testing.T, p *Publisher) {
		after(5 * time.Second)
		if s := wantState(t, p, Live); !strings.Contains(s.AudioNote, "MPEG4-GENERIC") {
			t.Errorf("note %q", s.AudioNote)
		}
	})
	if strings.Count(log, "audio left out") != 1 {
		t.Errorf("want one line about the audio:\n%s", log)
	}
}

func TestOtherTracksAfterReconnectMakeANewSession(t *testing.T) {
	cam := videoOnly()
	target := &fakeTarget{audio: map[string][]string{CodecPCMA: {CodecPCMA}}}
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		cam.mu.Lock()
		cam.tracks = append(cam.tracks, Track{ID: 1, Kind: Audio, Codec: CodecPCMA, ClockRate: 8000, Channels: 1})
		cam.mu.Unlock()
		cam.last().lose(errors.New("EOF"))
		after(5 * time.Second)
		if s := wantState(t, p, Live); s.Audio != CodecPCMA {
			t.Errorf("audio %q", s.Audio)
		}
		if n := len(target.all()); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

func TestNoH264(t *testing.T) {
	cam := videoOnly()
	cam.tracks[0].Codec = "H265"
	bubble(t, cam, &fakeTarget{}, nil, func(t *testing.T, p *Publisher) {
		after(30 * time.Second)
		s := wantState(t, p, Reconnecting)
		if !strings.Contains(s.Reason, "H.264") || s.Hint == "" {
			t.Errorf("reason %q, hint %q", s.Reason, s.Hint)
		}
		if n := cam.opens.Load(); n > 4 {
			t.Errorf("%d attempts: nothing but a person can change the codec", n)
		}
	})
}

func TestNoParameterSetsAnywhere(t *testing.T) {
	cam := videoOnly()
	cam.inBand = false
	bubble(t, cam, &fakeTarget{}, nil, func(t *testing.T, p *Publisher) {
		after(15 * time.Second)
		if s := p.Status(); !strings.Contains(s.Reason, "parameter sets") {
			t.Errorf("reason %q", s.Reason)
		}
	})
}
