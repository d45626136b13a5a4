package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
)

type viewerCmd struct {
	Config string        `short:"c" required:"" placeholder:"FILE" help:"The site's file."`
	Room   string        `placeholder:"ROOM" help:"This room only, one of the site's. All of them if left out."`
	TTL    time.Duration `name:"ttl" default:"1h" placeholder:"DURATION" help:"How long the link may be opened (default: ${default})."`
}

// Help adds to the command's help.
func (*viewerCmd) Help() string {
	return "The link holds a token that lets its bearer watch the room and nothing else. " +
		"Who has the link can watch: pass it on with care."
}

// Run prints one link for each room. It asks no server.
func (c *viewerCmd) Run(a *app) error {
	if c.TTL <= 0 {
		return usagef("--ttl %s: must be more than 0", c.TTL)
	}
	cfg, err := site.Load(c.Config, a.env)
	if err != nil {
		return err
	}
	rooms := roomsOf(cfg)
	if len(rooms) == 0 {
		return fmt.Errorf("%s: no enabled camera goes to a LiveKit room", c.Config)
	}
	if c.Room != "" {
		if !slices.Contains(rooms, c.Room) {
			return fmt.Errorf("%s: no enabled camera goes to room %q (there is %s)", c.Config, c.Room, strings.Join(rooms, ", "))
		}
		rooms = []string{c.Room}
	}
	client, err := ingress.New(ingress.Config{
		URL:       cfg.LiveKit.URL,
		APIKey:    cfg.LiveKit.APIKey.Reveal(),
		APISecret: cfg.LiveKit.APISecret.Reveal(),
	})
	if err != nil {
		return err
	}
	for _, room := range rooms {
		if err := printViewer(a.stdout, client, room, c.TTL); err != nil {
			return err
		}
	}
	return nil
}

// printViewer mints a link for one room and prints it, with what is needed
// where a browser will not open it.
func printViewer(w io.Writer, client *ingress.Client, room string, ttl time.Duration) error {
	viewer, err := viewerOf(client, room, ttl)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "room %s, until %s:\n%s\n", room, time.Now().Add(ttl).Format(time.DateTime), viewer.Link)
	if viewer.Note != "" {
		fmt.Fprintf(w, "note: %s\nserver: %s\ntoken: %s\n", viewer.Note, secret.URL(viewer.ServerURL), viewer.Token)
	}
	return nil
}

// viewerOf mints a link under a name that no one else has: a second viewer of
// the same identity would throw out the first.
func viewerOf(client *ingress.Client, room string, ttl time.Duration) (ingress.Viewer, error) {
	return client.ViewerLink(room, "viewer-"+strings.ToLower(rand.Text()[:10]), ttl)
}

// roomsOf returns the rooms that the site's enabled cameras enter, in order, as
// far as this box knows them: room tokens that others make name their own.
func roomsOf(cfg *site.Config) []string {
	var rooms []string
	for _, cam := range cfg.EnabledCameras() {
		if cam.NeedsKeys() && !slices.Contains(rooms, cam.Room) {
			rooms = append(rooms, cam.Room)
		}
	}
	return rooms
}
