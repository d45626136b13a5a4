package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

type checkCmd struct {
	Config  string `short:"c" xor:"what" placeholder:"FILE" help:"The site's file."`
	Example bool   `xor:"what" help:"Print a commented file with every key, to start from."`
}

// Help adds to the command's help.
func (*checkCmd) Help() string {
	return "Tells everything that is wrong in the file, secrets and environment included, and exits with 1. " +
		"If all is well it lists the cameras and their targets. It opens no connection."
}

// Run reads the file as `run` would.
func (c *checkCmd) Run(a *app) error {
	if c.Example {
		_, err := io.WriteString(a.stdout, site.Example)
		return err
	}
	if c.Config == "" {
		return usagef("check: which file? (-c site.yaml)")
	}
	cfg, err := site.Load(c.Config, a.env)
	if err != nil {
		return err
	}
	return summarize(a.stdout, c.Config, cfg)
}

// summarize lists cameras and targets, without a secret.
func summarize(w io.Writer, file string, cfg *site.Config) error {
	enabled := len(cfg.EnabledCameras())
	fmt.Fprintf(w, "%s: fine: %s", file, count(len(cfg.Cameras), "camera"))
	if off := len(cfg.Cameras) - enabled; off > 0 {
		fmt.Fprintf(w, ", %d of them disabled", off)
	}
	fmt.Fprint(w, "\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CAMERA\tURL\tTARGET\tROOM\tIDENTITY")
	for _, cam := range cfg.Cameras {
		name := cam.Name
		if !cam.Enabled {
			name += " (disabled)"
		}
		room, identity := cam.Room, cam.Identity
		if cam.WHIP != nil || cam.RoomToken != nil {
			room, identity = "-", "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", name, secret.URL(cam.URL), target(cam, cfg), room, identity)
	}
	return table.Flush()
}

func target(cam site.Camera, cfg *site.Config) string {
	switch {
	case cam.Via == site.ViaWHIP:
		return secret.Endpoint(cam.WHIP.URL)
	case cam.RoomToken != nil:
		return "livekit-server " + secret.Endpoint(cfg.LiveKit.URL) + ", by room token"
	case cam.Via == site.ViaServer:
		return "livekit-server " + secret.Endpoint(cfg.LiveKit.URL)
	case cam.Via == site.ViaSDK:
		return "LiveKit's SDK " + secret.Endpoint(cfg.LiveKit.URL)
	}
	return "LiveKit Ingress " + secret.Endpoint(cfg.LiveKit.URL)
}
