package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/rtsp2whip/rtsp2whip/internal/admin"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/internal/viewer"
)

type runCmd struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"The site's file; rtsp2whip check --example prints a commented one."`
}

// Help adds to the command's help.
func (*runCmd) Help() string {
	return "SIGINT or SIGTERM ends all sessions in an orderly way, within 5 seconds; a second one ends the process at once."
}

// Run publishes the site until ctx ends.
func (c *runCmd) Run(ctx context.Context, a *app) error {
	cfg, err := site.Load(c.Config, a.env)
	if err != nil {
		return err
	}
	log, level := newLogger(a.stderr, cfg.Log)
	s, err := site.New(cfg, userAgent(), log)
	if err != nil {
		return err
	}
	log.Info("start", "version", versionText(), "cameras", len(cfg.EnabledCameras()))
	r := newReloader(c.Config, a.env, cfg, s, level, log)
	reloading, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.run(reloading) })
	err = serve(ctx, s, cfg.Admin, log, r)
	stop()
	wg.Wait()
	if err != nil {
		return err
	}
	log.Info("end")
	return nil
}

// serve runs the site, and its HTTP server if that is to listen, until ctx
// ends. A server that cannot listen is told before any camera is opened. metrics
// are served beside the cameras'.
func serve(ctx context.Context, s *site.Site, face site.Admin, log *slog.Logger, metrics ...prometheus.Collector) error {
	tuneMemory(os.Getenv, log)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var adminErr error
	if face.Listen != "" {
		var previews *viewer.Previews
		if face.Preview {
			previews = newPreviews(s, log)
			defer previews.Close()
		}
		server, err := newAdmin(s, face, previews, log, metrics)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", face.Listen)
		if err != nil {
			return fmt.Errorf("admin.listen: %w", err)
		}
		log.Info("admin", "url", "http://"+l.Addr().String()+"/")
		// The server outlasts the cameras, so that the end can be watched too.
		actx, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer wg.Wait()
		defer stop()
		wg.Go(func() {
			if err := server.Serve(actx, l); err != nil {
				adminErr = err
				log.Error("admin", "err", err)
			}
		})
	}
	var supervised sync.WaitGroup
	supervised.Go(func() { (&supervisor{cameras: s.Cameras, log: log}).run(ctx) })
	s.Run(ctx)
	cancel()
	supervised.Wait()
	return adminErr
}

func newAdmin(s *site.Site, face site.Admin, previews *viewer.Previews, log *slog.Logger, metrics []prometheus.Collector) (*admin.Server, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(metrics...)
	var problem func() string
	for _, m := range metrics {
		if r, ok := m.(*reloader); ok {
			problem = r.Problem
		}
	}
	cfg := admin.Config{
		Cameras: s.Cameras, News: s.News(), Restart: s.Restart, Problem: problem, Token: face.Token,
		KeyFrame: func(name string) error {
			err := s.RequestKeyFrame(name)
			if errors.Is(err, site.ErrNotPlaying) {
				return admin.ErrNotPlaying
			}
			return err
		},
		Version: versionText(), Started: time.Now(), Registry: registry, Profiles: face.Pprof, Logger: log,
	}
	if previews != nil {
		cfg.Previews = previews
	}
	return admin.New(cfg)
}

// userAgent is what cameras and servers read in their logs.
func userAgent() string { return "rtsp2whip/" + versionText() }
