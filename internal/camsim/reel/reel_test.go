package reel

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFilmsDecode puts every clip together again from its packets.
func TestFilmsDecode(t *testing.T) {
	for _, clip := range []string{"1080p-high", "360p-slices", "360p-bframes", "h265"} {
		for _, size := range []int{0, 300} {
			f, err := LoadFilm(clip, Shape{PacketSize: size})
			if err != nil {
				t.Fatal(err)
			}
			decode := decoder(t, f)
			for i, unit := range f.Units {
				var got [][]byte
				for _, p := range unit.Packets {
					if size > 0 && len(p.Payload)+12 > size {
						t.Fatalf("%s: a packet of %d bytes", clip, len(p.Payload)+12)
					}
					got = decode(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: p.Marker}, Payload: p.Payload})
				}
				if !slices.EqualFunc(got, f.Video.AccessUnits[i], bytes.Equal) {
					t.Fatalf("%s: access unit %d does not come back", clip, i)
				}
			}
		}
	}
}

// decoder returns a function that takes packets in sequence and gives what the
// last one completed.
func decoder(t *testing.T, f *Film) func(*rtp.Packet) [][]byte {
	t.Helper()
	var decode func(*rtp.Packet) ([][]byte, error)
	var err error
	switch f := VideoFormat(f).(type) {
	case *format.H264:
		d, e := f.CreateDecoder()
		decode, err = d.Decode, e
	case *format.H265:
		d, e := f.CreateDecoder()
		decode, err = d.Decode, e
	}
	if err != nil {
		t.Fatal(err)
	}
	seq := uint16(0)
	return func(p *rtp.Packet) [][]byte {
		p.SequenceNumber = seq
		seq++
		unit, _ := decode(p) // an error means: more is needed
		return unit
	}
}

func TestFilmsAreShared(t *testing.T) {
	a, err := LoadFilm("360p-main", Shape{})
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := LoadFilm("360p-main", Shape{PacketSize: 1400}); b != a {
		t.Error("the same film was packetized twice")
	}
	if b, _ := LoadFilm("360p-main", Shape{PacketSize: 1200}); b == a {
		t.Error("another packet size gives the same film")
	}
}

// audience counts what a player sends.
type audience struct {
	video, audio []rtp.Header
	ntp          []time.Time
	away         bool
	refuses      error
}

func (a *audience) sink() Sink {
	return Sink{
		Watched: func() bool { return !a.away },
		Video: func(p *rtp.Packet, ntp time.Time) error {
			a.video = append(a.video, p.Header)
			a.ntp = append(a.ntp, ntp)
			return a.refuses
		},
		Audio: func(p *rtp.Packet, _ time.Time) error {
			a.audio = append(a.audio, p.Header)
			return a.refuses
		},
	}
}

// play runs a player for some virtual time.
func play(p *Player, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	p.Run(ctx)
}

func script(t *testing.T, clip, audio string) Script {
	t.Helper()
	f, err := LoadFilm(clip, Shape{})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := LoadTrack(audio)
	if err != nil {
		t.Fatal(err)
	}
	return Script{Film: f, Track: tr, FromStart: true}
}

func TestPlayerKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a audience
		p := NewPlayer(script(t, "360p-main", "aac"), a.sink())
		play(p, 10*time.Second-time.Millisecond)
		s := p.Stats()
		if s.AccessUnits != 250 || s.KeyFrames != 5 || s.AudioPackets != 157 || int(s.VideoPackets) != len(a.video) {
			t.Errorf("%+v", s)
		}
		first, last := a.video[0], a.video[len(a.video)-1]
		if last.Timestamp-first.Timestamp != 249*3600 || int(last.SequenceNumber-first.SequenceNumber) != len(a.video)-1 {
			t.Errorf("from %+v to %+v", first, last)
		}
		if d := a.ntp[len(a.ntp)-1].Sub(a.ntp[0]); d != 249*40*time.Millisecond {
			t.Errorf("the wall clock went on by %v", d)
		}
		if d := a.audio[156].Timestamp - a.audio[0].Timestamp; d != 156*1024 {
			t.Errorf("the audio's timestamps went on by %d", d)
		}
	})
}

func TestPlayerWaitsForAnAudience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := audience{away: true}
		p := NewPlayer(script(t, "360p-main", "pcmu"), a.sink())
		play(p, time.Second)
		if s := p.Stats(); s != (Stats{}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestPlayerCountsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := audience{refuses: errors.New("full")}
		p := NewPlayer(script(t, "360p-main", "opus"), a.sink())
		play(p, time.Second)
		if s := p.Stats(); int(s.Errors) != len(a.video)+len(a.audio) || s.VideoPackets != 0 || s.Bytes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPlayerFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := script(t, "360p-main", "opus")
		sc.FreezeAt, sc.DropEvery, sc.ZeroStart = 20, 10, true
		var a audience
		p := NewPlayer(sc, a.sink())
		play(p, 5*time.Second)
		if s := p.Stats(); s.AccessUnits != 20 || s.AudioPackets > 41 {
			t.Errorf("%+v", s)
		}
		if a.video[0].SequenceNumber != 0 || a.video[0].Timestamp != 0 {
			t.Errorf("starts with %+v", a.video[0])
		}
		last := a.video[len(a.video)-1].SequenceNumber
		if lost := int(last) + 1 - len(a.video); lost < len(a.video)/10-1 || lost == 0 {
			t.Errorf("%d packets of %d were lost", lost, last+1)
		}
	})
}

func TestPlayerGivesKeyFrameWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a audience
		sink := a.sink()
		var p *Player
		sink.AccessUnit = func([][]byte) {
			if p.Stats().AccessUnits == 10 {
				p.KeyFrame()
			}
		}
		p = NewPlayer(script(t, "360p-longgop", "opus"), sink)
		play(p, time.Second)
		if s := p.Stats(); s.KeyFrames != 2 {
			t.Errorf("%d key frames", s.KeyFrames)
		}
	})
}

// TestPlayerJumps lets a camera's timestamps jump back by an hour after 10 access
// units, and its clock go forth by another after 20.
func TestPlayerJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a audience
		var units []int // packets before each
		sink := a.sink()
		var p *Player
		sink.AccessUnit = func([][]byte) {
			units = append(units, len(a.video))
			switch len(units) {
			case 10:
				p.Jump(-time.Hour)
			case 20:
				p.StepClock(time.Hour)
			}
		}
		p = NewPlayer(script(t, "360p-main", "opus"), sink)
		play(p, 2*time.Second)
		stamp := func(unit int) uint32 { return a.video[units[unit]].Timestamp }
		clock := func(unit int) time.Time { return a.ntp[units[unit]] }
		back := uint32(0)
		back -= 3600 * 90000
		if d := stamp(10) - stamp(9); d != 3600+back {
			t.Errorf("the timestamp went on by %d", int32(d))
		}
		if d := stamp(30) - stamp(10); d != 20*3600 {
			t.Errorf("then by %d", d)
		}
		if d := clock(20).Sub(clock(0)); d != time.Hour+20*40*time.Millisecond {
			t.Errorf("the clock went on by %s", d)
		}
		least, most := uint32(math.MaxUint32), uint32(0)
		for i := 1; i < len(a.audio); i++ {
			d := a.audio[i].Timestamp - a.audio[i-1].Timestamp
			least, most = min(least, d), max(most, d)
		}
		jump := uint32(0)
		jump -= 3600 * 48000
		if least != 960 || most != 960+jump {
			t.Errorf("the audio's timestamps went on by %d to %d", least, int32(most))
		}
	})
}

// TestPlayerSleptThrough holds a player to one packet, not ten seconds of them,
// after the machine stood still for ten seconds.
func TestPlayerSleptThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := audience{}
		sink := a.sink()
		slept := false
		sink.AccessUnit = func([][]byte) {
			if len(a.video) > 5 && !slept {
				slept = true
				<-time.After(10 * time.Second)
			}
		}
		p := NewPlayer(script(t, "360p-main", "opus"), sink)
		play(p, 11*time.Second)
		if s := p.Stats(); s.AccessUnits > 30 {
			t.Errorf("%d access units in one second awake", s.AccessUnits)
		}
	})
}
