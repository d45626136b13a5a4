package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// statusEvery is how often systemd is told how many cameras are live; the
// watchdog may make it more often. Changes are told sooner, for whoever looks right
// after a start.
const (
	statusEvery  = 10 * time.Second
	changesEvery = 2 * time.Second
)

// supervisor tells systemd how the program fares (sd_notify(3)). Without systemd
// it does nothing.
type supervisor struct {
	cameras func() []publisher.Status
	log     *slog.Logger

	answer chan []publisher.Status // to a question that was asked and not answered in time
}

// run says that the program is ready, then keeps the status line and the watchdog
// fed until ctx ends, and says that it stops.
func (s *supervisor) run(ctx context.Context) {
	if !s.tell(daemon.SdNotifyReady) {
		return
	}
	defer s.tell(daemon.SdNotifyStopping)
	every := statusEvery
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("watchdog", "err", err)
	}
	if watchdog > 0 {
		every = min(every, watchdog/3)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last []publisher.Status
	for {
		now, ok := s.look(ctx, every)
		told := ""
		if ok {
			told = summary(now)
			s.tell("STATUS=" + told)
		}
		switch {
		case watchdog == 0:
		case ok && progressed(last, now):
			s.tell(daemon.SdNotifyWatchdog)
		case ctx.Err() == nil:
			s.log.Error("watchdog not fed", "answered", ok, "hint", "packets of live cameras do not advance: systemd will restart the program")
		}
		if ok {
			last = now
		}
		if !s.changes(ctx, tick.C, told) {
			return
		}
	}
}

// changes tells of changes of the status line until the next tick, or until ctx ends:
// then it returns false.
func (s *supervisor) changes(ctx context.Context, next <-chan time.Time, told string) bool {
	tick := time.NewTicker(changesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-next:
			return true
		case <-tick.C:
		}
		now, ok := s.look(ctx, changesEvery)
		if line := summary(now); ok && line != told {
			told = line
			s.tell("STATUS=" + line)
		}
	}
}

// look takes a snapshot of the cameras. It fails if they do not answer in time:
// then a lock is held for good. The question stays open, and the next call waits
// for its answer too.
func (s *supervisor) look(ctx context.Context, limit time.Duration) ([]publisher.Status, bool) {
	if s.answer == nil {
		answer := make(chan []publisher.Status, 1)
		go func() { answer <- s.cameras() }()
		s.answer = answer
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case now := <-s.answer:
		s.answer = nil
		return now, true
	case <-late.C:
	case <-ctx.Done():
	}
	return nil, false
}

// tell sends one message, and reports whether anybody listens.
func (s *supervisor) tell(message string) bool {
	sent, err := daemon.SdNotify(false, message)
	if err != nil {
		s.log.Warn("notify systemd", "err", err)
	}
	return sent
}

// progressed tells whether the program does its work: of the cameras that are live
// in both snapshots at least one has sent packets in between, if there are any.
// Cameras that are down are no reason to restart the program, and one that hangs
// is none to disturb the others.
func progressed(before, now []publisher.Status) bool {
	live := 0
	sent := make(map[string]uint64, len(before))
	for _, c := range before {
		if c.State == publisher.Live {
			sent[c.Name] = c.Packets
		}
	}
	for _, c := range now {
		was, ok := sent[c.Name]
		if !ok || c.State != publisher.Live {
			continue
		}
		if c.Packets != was {
			return true
		}
		live++
	}
	return live == 0
}

// summary is the line that systemctl status shows.
func summary(cameras []publisher.Status) string {
	live, waiting := 0, 0
	for _, c := range cameras {
		switch c.State {
		case publisher.Live:
			live++
		case publisher.Waiting:
			waiting++
		}
	}
	text := fmt.Sprintf("%d of %d cameras live", live, len(cameras))
	if waiting > 0 {
		text += fmt.Sprintf(", %d waiting for viewers", waiting)
	}
	return text
}
