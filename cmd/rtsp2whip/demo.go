package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/internal/viewer"
)

type demoCmd struct {
	For     time.Duration `placeholder:"DURATION" help:"End after this long: with 0 if every picture arrived, else with 1."`
	Cameras int           `default:"3" placeholder:"N" help:"How many cameras to simulate (default: ${default})."`
	Camera  string        `placeholder:"NAME" xor:"source" help:"Play one camera with the oddities of docs/cameras.md. An unknown name lists all."`
	RTSP    string        `name:"rtsp" placeholder:"URL" xor:"source" help:"Play this camera in place of simulated ones."`
	Name    string        `default:"camera" placeholder:"NAME" help:"What to call the camera of --rtsp (default: ${default})."`
	Open    bool          `help:"Open the page in the browser."`
	Listen  string        `placeholder:"ADDR" help:"Where the page is served (default: 127.0.0.1:8989, or a free port if that is taken)."`
}

// Help adds to the command's help.
func (*demoCmd) Help() string {
	return "Needs no network and no other program: the cameras are simulated, and the page is for this machine alone."
}

const (
	demoAddr = "127.0.0.1:8989"

	// demoMost is how many cameras one browser page can sensibly show.
	demoMost = 50
)

// Run publishes the cameras the way `run` does, to a receiver of its own, until
// ctx ends or the time is over.
func (c *demoCmd) Run(ctx context.Context, a *app) error {
	if c.Cameras < 1 || c.Cameras > demoMost {
		return usagef("--cameras %d: must be from 1 to %d", c.Cameras, demoMost)
	}
	if c.For < 0 {
		return usagef("--for %s: must be more than 0", c.For)
	}
	listener, err := c.listen()
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	cameras, stop, err := c.source()
	if err != nil {
		return err
	}
	defer stop()

	// The page is open to this machine's browsers; publishing is ours alone.
	token := secret.New(rand.Text())
	address := "http://" + listener.Addr().String() + "/"
	s, err := demoSite(cameras, address, token, log)
	if err != nil {
		return err
	}
	page, err := viewer.New(viewer.Config{
		Logger: log, Token: token.Reveal(), Names: namesOf(cameras), Title: "rtsp2whip demo", MaxStreams: len(cameras),
	})
	if err != nil {
		return err
	}
	defer page.Close()
	fmt.Fprintf(a.stdout, "Open %s in a browser; Ctrl-C ends the demo.\n", address)
	describe(a.stdout, cameras)
	return c.play(ctx, a, listener, address, page, s)
}

// play runs everything until the end and judges what came.
func (c *demoCmd) play(ctx context.Context, a *app, l net.Listener, address string, page *viewer.Server, s *site.Site) error {
	if c.For > 0 {
		timed, cancel := context.WithTimeout(ctx, c.For)
		defer cancel()
		ctx = timed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	server := &http.Server{Handler: page.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	var serving, side sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve the page: %w", err))
		}
	})
	report := &demoReport{w: a.stdout, began: time.Now()}
	// The cameras outlast the last look at them: what counts is how things
	// stood, not how they ended.
	sctx, end := context.WithCancel(context.WithoutCancel(ctx))
	side.Go(func() {
		defer end()
		report.watch(ctx, page, s)
	})
	if c.Open {
		side.Go(func() { openPage(ctx, a.stderr, address) })
	}

	s.Run(sctx) // ends every session before it returns, so the receiver must still be there
	side.Wait()
	page.Close()
	_ = server.Close()
	serving.Wait()

	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded):
		return report.verdict(c.For)
	case errors.Is(cause, context.Canceled):
		return nil // told to stop
	default:
		return cause
	}
}

// listen opens the page's port. Only the default one may be replaced: who names
// an address means it.
func (c *demoCmd) listen() (net.Listener, error) {
	addr := c.Listen
	if addr == "" {
		l, err := net.Listen("tcp", demoAddr)
		if err == nil {
			return l, nil
		}
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, usagef("--listen %s: give HOST:PORT", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usagef("--listen %s: the page is for this machine alone: give an address like 127.0.0.1:8989", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve the page: %w", err)
	}
	return l, nil
}

// demoSite makes the site that a file with these cameras would describe.
func demoSite(cameras []demoCamera, address string, token secret.Secret, log *slog.Logger) (*site.Site, error) {
	cfg := site.Default()
	cfg.Admin.Listen = ""
	for _, c := range cameras {
		cam := site.DefaultCamera()
		cam.Name, cam.URL, cam.SubURL = c.name, c.url, c.sub
		cam.Username, cam.Password, cam.TLS.SHA256, cam.Web = c.username, c.password, c.fingerprint, c.web
		if c.transport != "" {
			cam.Transport = c.transport
		}
		cam.Pacing = c.pacing
		cam.WHIP = &site.WHIP{URL: address + "whip/" + url.PathEscape(c.name), Token: token}
		cfg.Cameras = append(cfg.Cameras, cam)
	}
	if err := cfg.Complete(site.Sources{Secret: secret.ReadFile}); err != nil {
		return nil, demoUsage(err)
	}
	return site.New(&cfg, userAgent(), log)
}

// demoUsage names the flag that a setting came from: only the camera of --rtsp
// can be wrong.
func demoUsage(err error) error {
	var problems site.Errors
	if errors.As(err, &problems) {
		flags := map[string]string{"cameras[0].url": "--rtsp", "cameras[0].name": "--name"}
		for _, p := range problems {
			if flag, ok := flags[p.Path]; ok {
				return usagef("%s: %s", flag, p.Text)
			}
		}
	}
	return err
}
