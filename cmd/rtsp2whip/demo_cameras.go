package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// demoCamera is one camera of the demo.
type demoCamera struct {
	name string
	url  string
	sub  string // the URL of its smaller stream, "" for none
	what string // for the person who looks on

	username    string
	password    secret.Secret
	fingerprint string         // of its certificate
	transport   site.Transport // "": whatever works
	pacing      site.Pacing    // what the way to the page is taken to carry; 0: anything
	web         string         // its web server; "": none of its own
}

// scenes are what simulated cameras show, over and over.
var scenes = []struct{ name, clip, audio, what string }{
	{"gate", "360p-baseline", "", "640x360 Baseline"},
	{"field", "720p-main", "opus", "1280x720 Main with Opus sound"},
	{"dock", "360p-high", "", "640x360 High"},
	{"yard", "360p-main", "pcmu", "640x360 Main with G.711 sound"},
	{"city", "1080p-high", "", "1920x1080 High"},
}

// source starts the simulated cameras, or names the real one. stop switches
// them off and waits.
func (c *demoCmd) source() (cameras []demoCamera, stop func(), err error) {
	if c.Camera != "" {
		return c.odd()
	}
	if c.RTSP != "" {
		return []demoCamera{{name: c.Name, url: c.RTSP, what: secret.URL(c.RTSP)}}, func() {}, nil
	}
	var running []*camsim.Camera
	stop = func() {
		for _, cam := range running {
			cam.Stop()
		}
	}
	for i := range c.Cameras {
		scene := scenes[i%len(scenes)]
		name := scene.name
		if round := i / len(scenes); round > 0 {
			name = fmt.Sprintf("%s-%d", scene.name, round+1)
		}
		cam, err := camsim.Start(camsim.Config{Clip: scene.clip, Audio: scene.audio})
		if err != nil {
			stop()
			return nil, nil, err
		}
		running = append(running, cam)
		cameras = append(cameras, demoCamera{name: name, url: cam.URL(), what: scene.what})
	}
	return cameras, stop, nil
}

// odd starts the one camera of --camera.
func (c *demoCmd) odd() (cameras []demoCamera, stop func(), err error) {
	all := camsim.Personalities()
	i := slices.IndexFunc(all, func(p camsim.Personality) bool { return p.Name == c.Camera })
	if i < 0 {
		var list strings.Builder
		for _, p := range all {
			fmt.Fprintf(&list, "\n  %-18s %s", p.Name, p.What)
		}
		return nil, nil, usagef("--camera %s: there is no such camera; there are:%s", c.Camera, list.String())
	}
	p := all[i]
	cam, err := p.Start()
	if err != nil {
		return nil, nil, err
	}
	d := demoCamera{
		name: p.Name, url: cam.URL(), sub: cam.SubURL(), what: p.What,
		fingerprint: cam.Fingerprint(), transport: site.Transport(p.Transport), pacing: site.Pacing(p.Link), web: cam.WebURL(),
	}
	user, password := cam.Credentials()
	d.username, d.password = user, secret.New(password)
	return []demoCamera{d}, cam.Stop, nil
}

func namesOf(cameras []demoCamera) []string {
	var names []string
	for _, c := range cameras {
		names = append(names, c.name)
	}
	return names
}

func describe(w io.Writer, cameras []demoCamera) {
	for _, c := range cameras {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.what)
	}
}
