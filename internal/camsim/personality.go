package camsim

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// Plays is what is expected of most cameras.
const Plays = "plays"

// Personality is a kind of camera that exists in the field, by the name under
// which tests and the demo speak of it.
type Personality struct {
	Name string
	What string // what is odd about it, in one sentence

	// Expect is Plays, or a fragment of the sentence that says why there is no
	// picture, or why it goes away.
	Expect string

	// Transport is what the reader must be set to for the oddity to show: "udp",
	// or "" for whatever it prefers.
	Transport string

	// Link is what the way to the server carries, in bits a second, where that is
	// what it is about; 0: anything.
	Link int

	Config Config // without address
}

// Override changes a personality's configuration before it starts.
type Override func(*Config)

// TimeScale multiplies all times after which a camera does something, so that
// tests need not wait. Session timeouts are told in whole seconds, at least one,
// and leave 15 s for receiver reports, which nobody sends every second.
func TimeScale(factor float64) Override {
	return func(c *Config) {
		f := &c.Faults
		for _, d := range []*time.Duration{
			&f.RebootAfter, &f.RebootFor, &f.Raw.Timeout, &f.Raw.OldMedia, &f.Raw.TimestampReset,
		} {
			*d = time.Duration(float64(*d) * factor)
		}
		if f.Raw.Timeout > 0 {
			least := time.Second
			if f.Raw.AliveBy == rawserver.AliveByReport {
				least = 15 * time.Second
			}
			f.Raw.Timeout = max(f.Raw.Timeout.Round(time.Second), least)
		}
	}
}

// Running is a personality at work.
type Running struct {
	*Camera
	Personality Personality
}

// StartPersonality starts the camera of that name.
func StartPersonality(name string, overrides ...Override) (*Running, error) {
	all := Personalities()
	i := slices.IndexFunc(all, func(p Personality) bool { return p.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("simulated camera: no personality is called %q", name)
	}
	return all[i].Start(overrides...)
}

// Start starts a camera of this kind.
func (p Personality) Start(overrides ...Override) (*Running, error) {
	for _, change := range overrides {
		change(&p.Config)
	}
	c, err := Start(p.Config)
	if err != nil {
		return nil, err
	}
	return &Running{Camera: c, Personality: p}, nil
}

// Credentials are what the camera's reader is to use; "" if there is no password.
func (r *Running) Credentials() (username, password string) {
	return r.Personality.Config.Username, r.Personality.Config.Password
}

// SubURL is the address of the camera's second, smaller stream; "" if it has none.
func (r *Running) SubURL() string {
	if r.Personality.Config.Faults.Raw.SubClip == "" {
		return ""
	}
	u, err := url.Parse(r.URL())
	if err != nil {
		return ""
	}
	u.Path = rawserver.SubPath
	return u.String()
}

// Track is one of the tracks that a reader should find at URL.
type Track struct {
	Kind          string // "video" or "audio"
	Codec         string // encoding name as in SDP: "H264", "H265", "opus", "PCMA", "PCMU", "MPEG4-GENERIC"
	ClockRate     int
	Width, Height int // of video, at the start
}

// Tracks are what a reader should find: the right one of several videos, and the
// sound.
func (r *Running) Tracks() []Track {
	v := r.film.Video
	out := []Track{{Kind: "video", Codec: v.Codec, ClockRate: reel.VideoClock, Width: v.Width, Height: v.Height}}
	if t := r.track; t != nil {
		codec := map[string]string{"opus": "opus", "pcma": "PCMA", "pcmu": "PCMU", "aac": "MPEG4-GENERIC"}[t.Sound.Name]
		out = append(out, Track{Kind: "audio", Codec: codec, ClockRate: t.Sound.ClockRate})
	}
	return out
}

// Personalities lists all kinds. Clips, passwords and everything else in their
// configuration may be changed by whoever starts one.
func Personalities() []Personality {
	all := slices.Concat(atTheDoor(), describing(), conversing(), packing(), numbering(), encoding(), offering())
	for i := range all {
		all[i].Expect = cmp.Or(all[i].Expect, Plays)
	}
	return all
}
