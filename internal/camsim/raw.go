package camsim

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
)

// rawRun is a camera on our own server.
type rawRun struct{ server *rawserver.Server }

// startRaw brings up our own server.
func (c *Camera) startRaw() (machine, error) {
	ln, err := net.Listen("tcp", c.addr)
	if err != nil {
		return nil, err
	}
	if c.cert != nil {
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{*c.cert}, MinVersion: tls.VersionTLS12})
	}
	cfg := rawserver.Config{
		Listener:     ln,
		Path:         c.cfg.Path,
		Username:     c.cfg.Username,
		Password:     c.cfg.Password,
		NoTCP:        c.cfg.Transport == UDPOnly,
		NoUDP:        c.cfg.Transport == TCPOnly || c.cfg.Faults.Jumbo,
		Script:       c.script(),
		Shape:        c.cfg.Faults.shape(c.cfg.MTU),
		HonourPLI:    c.cfg.Faults.HonourPLI,
		Seed:         c.cfg.Seed,
		OnAccessUnit: c.cfg.OnAccessUnit,
		Faults:       c.cfg.Faults.raw(),
	}
	if c.cfg.Faults.WrongPassword {
		cfg.Username, cfg.Password = "nobody", "unknowable"
	}
	s, err := rawserver.Start(cfg)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	return rawRun{s}, nil
}

func (r rawRun) address() string { return r.server.Addr().String() }

func (r rawRun) freeze(on bool) { r.server.Freeze(on) }

func (r rawRun) keyFrame() { r.server.KeyFrame() }

func (r rawRun) hangUp() { r.server.HangUp() }

func (r rawRun) impair(lost, reordered, duplicated int) { r.server.Impair(lost, reordered, duplicated) }

func (r rawRun) jump(by time.Duration) { r.server.Jump(by) }

func (r rawRun) stepClock(by time.Duration) { r.server.StepClock(by) }

func (r rawRun) close() { r.server.Close() }

func (r rawRun) stats() Stats {
	s := r.server.Stats()
	return Stats{Stats: s.Stats, Readers: s.Sessions, KeyFrameRequests: s.Counts.KeyFrameRequests, Dialog: s.Counts}
}

// settle starts a camera that will go off at a port which the system gives to nobody
// by chance meanwhile: such ports begin at 32768 on Linux, and higher elsewhere.
func (c *Camera) settle() (err error) {
	host, port, err := net.SplitHostPort(c.addr)
	if err != nil || port != "0" {
		return c.Restart()
	}
	for range 100 {
		c.mu.Lock()
		c.addr = net.JoinHostPort(host, strconv.Itoa(20000+rand.IntN(12000)))
		c.mu.Unlock()
		if err = c.Restart(); err == nil {
			return nil
		}
	}
	return err
}

// reboot switches the camera off and on again, once, when somebody has played it
// for long enough.
func (c *Camera) reboot(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.Stats().Readers == 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	if !pass(ctx, c.cfg.Faults.RebootAfter) {
		return
	}
	c.pause()
	if !pass(ctx, c.cfg.Faults.RebootFor) {
		return
	}
	for c.Restart() != nil && pass(ctx, 100*time.Millisecond) {
	}
}

// pass waits, and tells whether it came to the end of that.
func pass(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
