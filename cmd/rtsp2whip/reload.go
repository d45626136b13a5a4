package main

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// settle is how long a file must have been left alone before it is read: editors
// and copying programs write in steps.
const settle = 500 * time.Millisecond

// reloader keeps a running site equal to its file. It reads the file again on
// SIGHUP, and when it or a file with a secret changes.
type reloader struct {
	file string
	env  func(string) string
	site *site.Site
	log  *slog.Logger
	// level is what log.level of the file sets.
	level  *slog.LevelVar
	hangup chan os.Signal

	mu      sync.Mutex
	running *site.Config
	problem string // what is wrong with the file as it is now, "" if nothing

	successful, succeeded prometheus.Gauge
}

// newReloader makes a reloader; call run.
func newReloader(file string, env func(string) string, cfg *site.Config, s *site.Site, level *slog.LevelVar, log *slog.Logger) *reloader {
	r := &reloader{
		file: file, env: env, site: s, log: log, level: level, running: cfg, hangup: make(chan os.Signal, 1),
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rtsp2whip_config_last_reload_successful",
			Help: "1 if the site's file was fine when it was last read, 0 if not; then the settings before it are in force.",
		}),
		succeeded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rtsp2whip_config_last_reload_success_timestamp_seconds",
			Help: "Unix time at which the site's file was last read and fine.",
		}),
	}
	r.successful.Set(1)
	r.succeeded.SetToCurrentTime()
	signal.Notify(r.hangup, syscall.SIGHUP) // from here on it does not end the program
	return r
}

// Describe and Collect make it a prometheus.Collector.
func (r *reloader) Describe(ch chan<- *prometheus.Desc) {
	r.successful.Describe(ch)
	r.succeeded.Describe(ch)
}

// Collect sends the metrics.
func (r *reloader) Collect(ch chan<- prometheus.Metric) {
	r.successful.Collect(ch)
	r.succeeded.Collect(ch)
}

// Problem says what is wrong with the site's file as it is now, "" if nothing.
func (r *reloader) Problem() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

// run reloads until ctx ends.
func (r *reloader) run(ctx context.Context) {
	defer signal.Stop(r.hangup)

	// Once first, for what has changed between reading and watching.
	quiet := time.NewTimer(settle)
	defer quiet.Stop()
	var events chan fsnotify.Event // nil, and silent, if files cannot be watched
	var errs chan error
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		r.log.Warn("the site's file is not watched: send SIGHUP after a change", "err", err)
	} else {
		defer func() { _ = watcher.Close() }()
		events, errs = watcher.Events, watcher.Errors
		r.watch(watcher)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangup:
			r.reload("signal")
		case <-quiet.C:
			r.reload("file")
		case <-events:
			quiet.Reset(settle)
			continue
		case err := <-errs:
			// Events were lost: what they told of is found by reading.
			r.log.Debug("watch", "err", err)
			quiet.Reset(settle)
			continue
		}
		if watcher != nil {
			r.watch(watcher)
		}
	}
}

// watch has the directories of all files watched: a file that is put in another's
// place, as editors and configuration programs do, is a new one to the system.
func (r *reloader) watch(w *fsnotify.Watcher) {
	r.mu.Lock()
	files := append([]string{r.file}, r.running.Files()...)
	r.mu.Unlock()
	wanted := map[string]bool{}
	for _, f := range files {
		wanted[filepath.Dir(f)] = true
	}
	for _, dir := range w.WatchList() {
		if !wanted[dir] {
			_ = w.Remove(dir)
		}
		delete(wanted, dir)
	}
	for _, dir := range slices.Sorted(maps.Keys(wanted)) {
		if err := w.Add(dir); err != nil {
			r.log.Warn("changes of files there are not seen: send SIGHUP after one", "directory", dir, "err", err)
		}
	}
}

// reload reads the file and changes what differs.
func (r *reloader) reload(cause string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cause == "signal" {
		// systemctl reload returns once the new settings are in force.
		r.notify(daemon.SdNotifyReloading)
		defer r.notify(daemon.SdNotifyReady)
	}
	cfg, err := site.Load(r.file, r.env)
	if err == nil && cause == "file" && r.problem == "" && reflect.DeepEqual(cfg, r.running) {
		return // touched, or another file of the same directory
	}
	var changes site.Changes
	if err == nil {
		changes, err = r.site.Apply(cfg)
	}
	if err != nil {
		r.failed(err)
		return
	}
	r.problem = ""
	r.successful.Set(1)
	r.succeeded.SetToCurrentTime()
	r.level.Set(cfg.Log.SlogLevel())
	r.log.Info("reload", "cause", cause, "added", list(changes.Added), "removed", list(changes.Removed),
		"changed", list(changes.Changed), "unchanged", changes.Unchanged)
	if later := r.later(cfg); later != "" {
		r.log.Warn("a restart is needed for this to take effect", "keys", later)
	}
	r.running = cfg
}

// failed says what is wrong with the file, once.
func (r *reloader) failed(err error) {
	r.successful.Set(0)
	if err.Error() == r.problem {
		return
	}
	r.problem = err.Error()
	for line := range strings.Lines(r.problem) {
		r.log.Error("reload: nothing has changed", "err", strings.TrimSpace(line))
	}
}

// later lists the keys that are read at the start only.
func (r *reloader) later(cfg *site.Config) string {
	var keys []string
	if !reflect.DeepEqual(cfg.Admin, r.running.Admin) {
		keys = append(keys, "admin")
	}
	if cfg.Log.Format != r.running.Log.Format {
		keys = append(keys, "log.format")
	}
	return strings.Join(keys, ", ")
}

func (r *reloader) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		r.log.Warn("notify systemd", "err", err)
	}
}

// list is the names of cameras in a log line, "-" for none.
func list(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ",")
}
