package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

type publishCmd struct {
	RTSPURL string `arg:"" name:"rtsp-url" help:"The camera: rtsp:// or rtsps://."`
	WHIPURL string `arg:"" optional:"" name:"whip-url" help:"The WHIP endpoint; not with --livekit."`

	targetFlags
	cameraFlags

	Name    string        `placeholder:"NAME" help:"The participant's identity (default: cam-HOST)."`
	SubURL  string        `name:"sub-url" placeholder:"URL" help:"The camera's smaller stream, for when the way is too narrow or the main one cannot be shown."`
	Audio   string        `enum:"auto,off" default:"auto" help:"auto or off (default: ${default})."`
	BFrames string        `name:"b-frames" enum:"refuse,drop" default:"refuse" help:"What to do with B-frames, refuse or drop (default: ${default})."`
	Pacing  site.Pacing   `default:"off" placeholder:"PACING" help:"Spread bursts: off, auto or a rate such as 7Mbps (default: ${default})."`
	Hold    time.Duration `default:"15s" placeholder:"DURATION" help:"Keep the participant while the camera is away (default: ${default})."`

	LogLevel   string        `enum:"debug,info,warn,error" default:"error" help:"debug, info, warn or error (default: ${default})."`
	Admin      string        `placeholder:"ADDR" help:"Serve status page, metrics and health at HOST:PORT (default: not at all)."`
	AdminToken string        `name:"admin-token-file" placeholder:"FILE" help:"File with the token that --admin asks for, - for standard input; needed but for 127.0.0.1."`
	For        time.Duration `placeholder:"DURATION" help:"End after this long: with 0 if the picture arrived, else with 1 (default: when told to)."`
}

// Help adds to the command's help.
func (*publishCmd) Help() string {
	return "Either to a LiveKit room (--livekit and --room) or to any WHIP endpoint (WHIP-URL). " +
		"Secrets come from files, environment or standard input, so that no list of processes shows one."
}

// watchTTL is how long the printed link may be opened.
const watchTTL = time.Hour

// Run publishes one camera until ctx ends, and tells what it finds on the way.
func (c *publishCmd) Run(ctx context.Context, a *app) error {
	cfg, err := c.config(a)
	if err != nil {
		return err
	}
	log, _ := newLogger(a.stderr, cfg.Log)
	s, err := site.New(cfg, userAgent(), log)
	if err != nil {
		return err
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	t := &teller{w: a.stdout, link: func() error { return c.printLink(a.stdout, cfg) }}
	told := make(chan struct{})
	tctx, stop := context.WithCancel(ctx)
	go func() { t.watch(tctx, s); close(told) }()

	cam := cfg.Cameras[0]
	fmt.Fprintf(a.stdout, "camera   %s\ntarget   %s\n", secret.URL(cam.URL), target(cam, cfg))
	if cam.Via != site.ViaWHIP {
		fmt.Fprintf(a.stdout, "         room %s, as %s\n", cam.Room, cam.Identity)
	}
	err = serve(ctx, s, cfg.Admin, log)
	stop()
	<-told
	if err == nil && c.For > 0 && !t.live {
		return fmt.Errorf("no picture within %s: %s", c.For, orElse(t.reason, "not connected yet"))
	}
	return err
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// config puts together what a site's file with this one camera would say.
func (c *publishCmd) config(a *app) (*site.Config, error) {
	if c.WHIPURL == "" && c.Room == "" {
		return nil, usagef("publish: where to? Give a WHIP URL, or --livekit URL --room ROOM")
	}
	cfg, err := single("publish", c.RTSPURL, c.WHIPURL, c.cameraFlags, c.targetFlags)
	if err != nil {
		return nil, err
	}
	cfg.Admin.Listen, cfg.Admin.TokenFile = c.Admin, c.AdminToken
	cfg.Log.Level = site.Level(c.LogLevel)
	cam := &cfg.Cameras[0]
	cam.Name, cam.SubURL = orElse(c.Name, cam.Name), c.SubURL
	cam.Audio, cam.BFrames, cam.Pacing, cam.Hold = site.Audio(c.Audio), site.BFrames(c.BFrames), c.Pacing, site.Duration(c.Hold)
	return cfg, complete(cfg, a)
}

// secretReader reads each secret from its file, and at most one from standard
// input.
func secretReader(stdin io.Reader) func(string) (secret.Secret, error) {
	used := false
	return func(path string) (secret.Secret, error) {
		if path != "-" {
			return secret.ReadFile(path)
		}
		if used {
			return secret.Secret{}, errors.New("standard input can give one secret only")
		}
		used = true
		return secret.Read(stdin)
	}
}

// nameOf makes an identity out of the camera's host. A prefix keeps it apart
// from the people in the room.
func nameOf(rtspURL string) string {
	u, err := url.Parse(rtspURL)
	if err != nil || u.Hostname() == "" {
		return "cam"
	}
	return "cam-" + strings.ReplaceAll(u.Hostname(), ":", "-")
}

// printLink prints where the picture can be watched, if it goes to a room.
func (c *publishCmd) printLink(w io.Writer, cfg *site.Config) error {
	cam := cfg.Cameras[0]
	if cam.Via == site.ViaWHIP {
		return nil
	}
	client, err := ingress.New(ingress.Config{
		URL: cfg.LiveKit.URL, APIKey: cfg.LiveKit.APIKey.Reveal(), APISecret: cfg.LiveKit.APISecret.Reveal(),
	})
	if err != nil {
		return err
	}
	viewer, err := viewerOf(client, cam.Room, watchTTL)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "watch    %s\n         (for anyone who has this link, until %s)\n", viewer.Link, time.Now().Add(watchTTL).Format("15:04"))
	if viewer.Note != "" {
		fmt.Fprintf(w, "note     %s\n", viewer.Note)
	}
	return nil
}

// teller prints what becomes of the camera, once for each change.
type teller struct {
	w      io.Writer
	link   func() error
	live   bool
	reason string
	found  bool
	note   string
}

func (t *teller) watch(ctx context.Context, s *site.Site) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		t.look(s.Cameras()[0])
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (t *teller) look(s publisher.Status) {
	if !t.found && s.Width > 0 && (s.State == publisher.Publishing || s.State == publisher.Live) {
		t.found = true
		sound := "no audio"
		if s.Audio != "" {
			sound = "audio " + s.Audio
		}
		fmt.Fprintf(t.w, "found    %s %dx%d (profile-level-id %s), %s\n", s.Codec, s.Width, s.Height, s.ProfileLevelID, sound)
	}
	if s.AudioNote != "" && s.AudioNote != t.note {
		t.note = s.AudioNote
		fmt.Fprintf(t.w, "note     %s\n", s.AudioNote)
	}
	if s.Reason != "" && s.Reason != t.reason {
		fmt.Fprintf(t.w, "problem  %s\n", s.Reason)
		if s.Hint != "" {
			fmt.Fprintf(t.w, "hint     %s\n", s.Hint)
		}
	}
	if s.Reason != "" || s.State == publisher.Live {
		t.reason = s.Reason
	}
	if s.State == publisher.Live && !t.live {
		t.live = true
		fmt.Fprintf(t.w, "live     %s\n", s.Path)
		if err := t.link(); err != nil {
			fmt.Fprintf(t.w, "note     no link: %v\n", err)
		}
	}
}
