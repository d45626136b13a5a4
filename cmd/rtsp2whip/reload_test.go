//go:build unix

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// reloading is a site's file under test, and what keeps a site equal to it.
type reloading struct {
	*reloader
	t    *testing.T
	dir  string
	said *lines
	site *site.Site
}

// siteText is a file of cameras that cannot be reached.
func siteText(level string, cameras ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "log: {level: %s}\ncameras:\n", level)
	for _, name := range cameras {
		fmt.Fprintf(&b, "  - {name: %s, url: \"rtsp://127.0.0.1:1/\", username: u, password_file: password, whip: {url: \"http://127.0.0.1:1/%s\"}}\n", name, name)
	}
	return b.String()
}

func startReloader(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{t: t, dir: t.TempDir(), said: new(lines)}
	r.write("password", "one")
	r.write("site.yaml", siteText("info", "gate"))
	file := filepath.Join(r.dir, "site.yaml")
	env := func(string) string { return "" }
	cfg, err := site.Load(file, env)
	if err != nil {
		t.Fatal(err)
	}
	log, level := newLogger(r.said, cfg.Log)
	if r.site, err = site.New(cfg, "test", slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	r.reloader = newReloader(file, env, cfg, r.site, level, log)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.run(ctx) })
	wg.Go(func() { r.site.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

// write puts a file in place as a whole.
func (r *reloading) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for a condition.
func (r *reloading) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain for %s; the log:\n%s", what, r.said)
		}
	}
}

// says waits for a line of the log.
func (r *reloading) says(text string) {
	r.t.Helper()
	r.until(text, func() bool { return strings.Contains(r.said.String(), text) })
}

func (r *reloading) cameras() string {
	var names []string
	for _, c := range r.site.Cameras() {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

func TestReloadOnChange(t *testing.T) {
	r := startReloader(t)
	r.write("site.yaml", siteText("info", "gate", "yard"))
	r.says(`msg=reload cause=file added=yard removed=- changed=- unchanged=1`)
	if got := r.cameras(); got != "gate yard" {
		t.Errorf("cameras: %s", got)
	}
	r.write("password", "two")
	r.says(`added=- removed=- changed=gate,yard unchanged=0`)
	if log := r.said.String(); strings.Contains(log, "two") {
		t.Errorf("the password is in the log: %s", log)
	}
}

func TestReloadOfABadFile(t *testing.T) {
	r := startReloader(t)
	r.write("site.yaml", siteText("info", "gate")+"  - {name: gate}\n")
	r.says(`reload: nothing has changed`)
	r.says(`cameras[1].name: \"gate\"`)
	if got := testutil.ToFloat64(r.successful); got != 0 {
		t.Errorf("last_reload_successful = %v", got)
	}
	if got := r.cameras(); got != "gate" {
		t.Errorf("cameras: %s", got)
	}
	if !strings.Contains(r.Problem(), "gate") {
		t.Errorf("problem: %q", r.Problem())
	}
	// The way back is told too, though nothing differs.
	r.write("site.yaml", siteText("info", "gate"))
	r.says(`msg=reload cause=file added=- removed=- changed=- unchanged=1`)
	if got := testutil.ToFloat64(r.successful); got != 1 || r.Problem() != "" {
		t.Errorf("last_reload_successful = %v, problem %q", got, r.Problem())
	}
}

func TestReloadOnHangup(t *testing.T) {
	sd := listenAsSystemd(t)
	r := startReloader(t)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.says(`msg=reload cause=signal added=- removed=- changed=- unchanged=1`)
	sd.until("RELOADING=1")
	sd.until("READY=1")
}

func TestReloadOfTheLogLevel(t *testing.T) {
	r := startReloader(t)
	r.log.Debug("too early")
	r.write("site.yaml", siteText("debug", "gate"))
	r.until("the level", func() bool { return r.level.Level() == slog.LevelDebug })
	r.log.Debug("seen")
	if log := r.said.String(); strings.Contains(log, "too early") || !strings.Contains(log, "seen") {
		t.Errorf("the log: %s", log)
	}
	r.write("site.yaml", siteText("debug", "gate")+"admin: {listen: \"127.0.0.1:9999\"}\n")
	r.says(`a restart is needed for this to take effect" keys=admin`)
}

// Configuration programs replace the directory behind a link.
func TestReloadBehindALink(t *testing.T) {
	r := startReloader(t)
	text := func(version, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(r.dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		r.write(version+"/site.yaml", text)
	}
	link := func(to, name string) {
		t.Helper()
		at := filepath.Join(r.dir, name)
		if err := os.Symlink(to, at+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(at+".new", at); err != nil {
			t.Fatal(err)
		}
	}
	text("v1", siteText("info", "gate"))
	link("v1", "current")
	link("current/site.yaml", "site.yaml")
	text("v2", siteText("info", "gate", "door"))
	link("v2", "current")
	r.says("added=door")
}
