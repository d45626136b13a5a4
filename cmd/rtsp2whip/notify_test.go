//go:build unix

package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// notified is the far end of sd_notify.
type notified struct {
	t    *testing.T
	conn *net.UnixConn
}

func listenAsSystemd(t *testing.T) *notified {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &notified{t, conn}
}

// next returns the next message.
func (s *notified) next(limit time.Duration) (string, bool) {
	s.t.Helper()
	b := make([]byte, 4096)
	if err := s.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		s.t.Fatal(err)
	}
	n, err := s.conn.Read(b)
	return string(b[:n]), err == nil
}

// until returns once a message comes that begins so.
func (s *notified) until(prefix string) string {
	s.t.Helper()
	for {
		m, ok := s.next(time.Minute)
		if !ok {
			s.t.Fatalf("no %q came", prefix)
		}
		if strings.HasPrefix(m, prefix) {
			return m
		}
	}
}

func TestSupervisorFeedsTheWatchdogWhileThereIsProgress(t *testing.T) {
	sd := listenAsSystemd(t)
	t.Setenv("WATCHDOG_USEC", "300000")
	var sent atomic.Uint64
	var stuck atomic.Bool
	var log bytes.Buffer
	s := &supervisor{
		cameras: func() []publisher.Status {
			if !stuck.Load() {
				sent.Add(1)
			}
			return []publisher.Status{
				{Name: "gate", State: publisher.Live, Packets: sent.Load()},
				{Name: "yard", State: publisher.Reconnecting},
			}
		},
		log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.run(ctx) }()

	sd.until("READY=1")
	if m := sd.until("STATUS="); m != "STATUS=1 of 2 cameras live" {
		t.Errorf("status: %q", m)
	}
	for range 3 {
		sd.until("WATCHDOG=1")
	}
	stuck.Store(true)
	quiet := 0 // status lines since the last feeding
	for quiet < 4 {
		m, ok := sd.next(time.Minute)
		switch {
		case !ok:
			t.Fatal("the status stopped too")
		case m == "WATCHDOG=1":
			quiet = 0
		case strings.HasPrefix(m, "STATUS="):
			quiet++
		}
	}
	stuck.Store(false)
	sd.until("WATCHDOG=1")
	cancel()
	sd.until("STOPPING=1")
	<-done
	if !strings.Contains(log.String(), "watchdog not fed") {
		t.Errorf("the log does not say that the watchdog was not fed: %s", log.String())
	}
}

func TestSupervisorDoesNotFeedForLockedCameras(t *testing.T) {
	sd := listenAsSystemd(t)
	t.Setenv("WATCHDOG_USEC", "150000")
	release := make(chan struct{})
	var log bytes.Buffer
	s := &supervisor{
		cameras: func() []publisher.Status { <-release; return nil },
		log:     slog.New(slog.NewTextHandler(&log, nil)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.run(ctx) }()
	sd.until("READY=1")
	if m, ok := sd.next(500 * time.Millisecond); ok {
		t.Errorf("got %q from cameras that do not answer", m)
	}
	close(release)
	sd.until("WATCHDOG=1")
	cancel()
	<-done
}

func TestSupervisorWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	s := &supervisor{cameras: func() []publisher.Status { t.Error("asked for nobody"); return nil }, log: slog.New(slog.DiscardHandler)}
	s.run(t.Context())
}

func TestProgressed(t *testing.T) {
	live := func(name string, packets uint64) publisher.Status {
		return publisher.Status{Name: name, State: publisher.Live, Packets: packets}
	}
	down := publisher.Status{Name: "yard", State: publisher.Reconnecting}
	for name, c := range map[string]struct {
		before, now []publisher.Status
		want        bool
	}{
		"nothing yet":               {nil, []publisher.Status{live("gate", 7)}, true},
		"no camera":                 {nil, nil, true},
		"all down":                  {[]publisher.Status{down}, []publisher.Status{down}, true},
		"sending":                   {[]publisher.Status{live("gate", 7)}, []publisher.Status{live("gate", 8)}, true},
		"live and still":            {[]publisher.Status{live("gate", 7)}, []publisher.Status{live("gate", 7)}, false},
		"one of two sends":          {[]publisher.Status{live("a", 7), live("b", 1)}, []publisher.Status{live("a", 7), live("b", 2)}, true},
		"still beside one down":     {[]publisher.Status{live("gate", 7), down}, []publisher.Status{live("gate", 7), down}, false},
		"just gone down":            {[]publisher.Status{live("yard", 7)}, []publisher.Status{down}, true},
		"another camera, a restart": {[]publisher.Status{live("gate", 7)}, []publisher.Status{live("door", 7)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := progressed(c.before, c.now); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
