package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/internal/doctor"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

type doctorCmd struct {
	Camera  string `arg:"" optional:"" name:"rtsp-url" help:"The camera: rtsp:// or rtsps://. With -c, a camera's name."`
	WHIPURL string `arg:"" optional:"" name:"whip-url" help:"The WHIP endpoint; not with --livekit or -c."`

	Config string `short:"c" placeholder:"FILE" help:"The site's file: try one of its cameras as the file has it."`
	JSON   bool   `name:"json" help:"Print JSON."`

	targetFlags
	cameraFlags
}

// Help adds to the command's help.
func (*doctorCmd) Help() string {
	return "With a camera alone it looks at the camera and at this box. It takes 15 seconds at most, opens one session with the camera, " +
		"tries its password once, and ends all that it begins. In a LiveKit room it appears for a moment under a name of its own, " +
		"rtsp2whip-doctor-NAME. It exits with 0 if all works, warnings included, with 1 if something does not, and with 2 if the command is wrong."
}

// Run looks at one camera and prints what it finds as it goes.
func (c *doctorCmd) Run(ctx context.Context, a *app) error {
	cfg, cam, toTarget, err := c.settings(a)
	if err != nil {
		return err
	}
	exam, err := examOf(cfg, cam, toTarget)
	if err != nil {
		return err
	}
	return c.tell(ctx, a, exam, titlesOf(cfg, cam, toTarget))
}

// tell runs and prints.
func (c *doctorCmd) tell(ctx context.Context, a *app, exam doctor.Config, titles map[doctor.Part]string) error {
	if c.JSON {
		report := doctor.Run(ctx, exam, nil)
		if err := doctor.WriteJSON(a.stdout, report); err != nil {
			return err
		}
		return verdict(ctx, report)
	}
	fmt.Fprintf(a.stdout, "rtsp2whip doctor %s, %s/%s\n\n", versionText(), runtime.GOOS, runtime.GOARCH)
	text := doctor.NewText(a.stdout, colourful(a), titles)
	report := doctor.Run(ctx, exam, text.Print)
	text.Summary(report)
	return verdict(ctx, report)
}

// verdict is the error that makes the exit code.
func verdict(ctx context.Context, r doctor.Report) error {
	if n := r.Count(doctor.Failed); n > 0 {
		return fmt.Errorf("doctor: %s failed", count(n, "step"))
	}
	if ctx.Err() != nil {
		return errors.New("doctor: interrupted")
	}
	if n := r.Count(doctor.NotReached); n > 0 {
		return fmt.Errorf("doctor: %s not reached in time", count(n, "step"))
	}
	return nil
}

// colourful tells that output goes to a terminal, whose owner wants colours
// (no-color.org).
func colourful(a *app) bool {
	f, ok := a.stdout.(*os.File)
	if !ok || a.env("NO_COLOR") != "" || a.env("TERM") == "dumb" || runtime.GOOS == "windows" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// settings reads the site's file, or puts together what one would say.
func (c *doctorCmd) settings(a *app) (cfg *site.Config, cam site.Camera, toTarget bool, err error) {
	if c.Config != "" {
		cfg, cam, err = c.ofSite(a)
		return cfg, cam, true, err
	}
	if c.Camera == "" {
		return nil, cam, false, usagef("doctor: which camera? Give its RTSP URL, or -c site.yaml and its name")
	}
	if c.LiveKit != "" && c.Room == "" {
		return nil, cam, false, usagef("doctor: --livekit needs --room")
	}
	whipURL := c.WHIPURL
	toTarget = c.WHIPURL != "" || c.Room != ""
	if !toTarget && c.TokenFile == "" {
		whipURL = nowhereURL // a site's file must have a target; nothing asks for this one
	}
	if cfg, err = single("doctor", c.Camera, whipURL, c.cameraFlags, c.targetFlags); err != nil {
		return nil, cam, false, err
	}
	if err = complete(cfg, a); err != nil {
		return nil, cam, false, err
	}
	return cfg, cfg.Cameras[0], toTarget, nil
}

const nowhereURL = "https://localhost/"

// ofSite finds the camera in the site's file.
func (c *doctorCmd) ofSite(a *app) (*site.Config, site.Camera, error) {
	if c.WHIPURL != "" || c.targetFlags.given() || c.cameraFlags.given() {
		return nil, site.Camera{}, usagef("doctor: with -c everything but the camera's name comes from the file")
	}
	cfg, err := site.Load(c.Config, a.env)
	if err != nil {
		return nil, site.Camera{}, err
	}
	var names []string
	for _, cam := range cfg.Cameras {
		if cam.Name == c.Camera || c.Camera == "" && len(cfg.Cameras) == 1 {
			if !cam.Enabled {
				return nil, cam, fmt.Errorf("%s: camera %q is disabled, so its secrets were not read", c.Config, cam.Name)
			}
			return cfg, cam, nil
		}
		names = append(names, cam.Name)
	}
	if c.Camera == "" {
		return nil, site.Camera{}, usagef("doctor: which camera of %s? There are %s", c.Config, listed(names))
	}
	return nil, site.Camera{}, usagef("doctor: %s has no camera %q; there are %s", c.Config, secret.URL(c.Camera), listed(names))
}

// listed names the first of many.
func listed(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// examOf translates a camera's settings.
func examOf(cfg *site.Config, cam site.Camera, toTarget bool) (doctor.Config, error) {
	if !toTarget {
		cam.Via = site.ViaWHIP
	}
	parts, err := site.PartsOf(cfg, cam, userAgent(), nil)
	if err != nil {
		return doctor.Config{}, err
	}
	out := doctor.Config{
		Source: parts.Source, Web: parts.Web, KeyFrame: string(cam.KeyFrame),
		DropsBFrames: cam.BFrames == site.BFramesDrop, Audio: cam.Audio != site.AudioOff,
	}
	if !toTarget {
		return out, nil
	}
	t := &doctor.Target{
		Media: parts.Media, LiveKitURL: cfg.LiveKit.URL, LiveKitTLS: parts.ServerTLS, LiveKit: parts.LiveKit, Tokens: parts.Tokens,
		Camera: cam.Name, Room: cam.Room,
	}
	switch cam.Via {
	case site.ViaWHIP:
		t.Via, t.Endpoint, t.Token = doctor.WHIP, cam.WHIP.URL, cam.WHIP.Token.Reveal()
	case site.ViaServer:
		t.Via, t.Endpoint = doctor.Server, cfg.LiveKit.WHIPURL
	case site.ViaSDK:
		t.Via = doctor.SDK
	default:
		t.Via, t.WHIPURL = doctor.Ingress, cfg.LiveKit.WHIPURL
	}
	out.Target = t
	return out, nil
}

// titlesOf say what each part is about, without secrets.
func titlesOf(cfg *site.Config, cam site.Camera, toTarget bool) map[doctor.Part]string {
	titles := map[doctor.Part]string{doctor.Camera: secret.URL(cam.URL)}
	if !toTarget {
		return titles
	}
	titles[doctor.Session] = "WHIP"
	switch cam.Via {
	case site.ViaWHIP:
		titles[doctor.Session] = "WHIP " + secret.Endpoint(cam.WHIP.URL)
	case site.ViaSDK:
		titles[doctor.Session] = "by LiveKit's SDK"
	}
	titles[doctor.LiveKit], titles[doctor.Room] = secret.Endpoint(cfg.LiveKit.URL), cam.Room
	return titles
}
