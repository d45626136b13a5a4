// Package camsim simulates RTSP cameras, sound ones and faulty ones: each is a
// server of its own that plays an embedded clip in a loop, in real time.
package camsim

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// Transport limits how a camera sends its media.
type Transport int

// Transports.
const (
	TCPAndUDP Transport = iota
	TCPOnly             // the camera has no UDP ports
	UDPOnly             // the camera answers 461 to interleaved SETUPs
)

// Config describes a camera. The zero value is a good one: 640x360 Baseline
// without audio, without password, over TCP and UDP.
type Config struct {
	Clip  string // name of an embedded clip; "" means 360p-baseline
	Audio string // "", "opus", "pcma", "pcmu", "aac"

	Addr      string // host:port; "" means 127.0.0.1:0, a free port
	Path      string // "" means /stream1
	Username  string // "" means that no password is asked for
	Password  string
	Transport Transport

	// TLS makes it an rtsps camera with a certificate that it has signed itself,
	// anew with every Start. Its media then goes over TCP only.
	TLS bool

	// MTU is the largest RTP packet in bytes, header included, at most 1472.
	// 0 means 1400.
	MTU int

	// FromStart makes every (re)start begin at the clip's first access unit. By
	// default a camera starts at a random one, so that many of them do not send
	// their key frames at the same moment.
	FromStart bool

	// OnAccessUnit is told of every access unit before it is sent to a reader.
	// The NAL units are shared with other cameras and must not be changed.
	OnAccessUnit func(nalus [][]byte)

	Seed uint64 // of the chance by which UDP datagrams are lost or reordered (Faults.Raw)

	Faults Faults

	Web Web // its web server, at a port of its own
}

// Camera is one simulated camera.
type Camera struct {
	cfg   Config
	film  *reel.Film
	track *reel.Track      // nil without audio
	cert  *tls.Certificate // nil without TLS
	web   *webServer       // nil without; it stays on when the camera goes off

	mu   sync.Mutex
	addr string
	run  machine // nil while stopped
	past Stats   // of the runs before

	reboots  context.CancelFunc // ends the reboots
	rebooter sync.WaitGroup
}

// machine is a camera between switching on and switching off: a server of the
// RTSP library, or one of ours.
type machine interface {
	address() string
	freeze(on bool)
	keyFrame()
	hangUp()
	impair(lost, reordered, duplicated int)
	jump(by time.Duration)
	stepClock(by time.Duration)
	stats() Stats
	close()
}

// Start starts a camera. It answers as soon as Start returns.
func Start(cfg Config) (*Camera, error) {
	if cfg.Clip == "" {
		cfg.Clip = "360p-baseline"
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Path == "" {
		cfg.Path = "/stream1"
	}
	film, err := reel.LoadFilm(cfg.Clip, cfg.Faults.shape(cfg.MTU))
	if err != nil {
		return nil, fmt.Errorf("simulated camera: %w", err)
	}
	c := &Camera{cfg: cfg, film: film, addr: cfg.Addr}
	if cfg.Audio != "" {
		if c.track, err = reel.LoadTrack(cfg.Audio); err != nil {
			return nil, fmt.Errorf("simulated camera: %w", err)
		}
	}
	if cfg.TLS {
		c.cfg.Transport = TCPOnly
		if c.cert, err = selfSigned(); err != nil {
			return nil, fmt.Errorf("simulated camera: %w", err)
		}
	}
	begin := c.Restart
	if cfg.Faults.RebootAfter > 0 {
		begin = c.settle
	}
	if err := begin(); err != nil {
		return nil, err
	}
	if cfg.Web.any() {
		if err := c.startWeb(); err != nil {
			c.pause()
			return nil, fmt.Errorf("simulated camera: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.reboots = cancel
	if cfg.Faults.RebootAfter > 0 {
		c.rebooter.Go(func() { c.reboot(ctx) })
	}
	return c, nil
}

// Fingerprint is the SHA-256 of the camera's certificate in hexadecimal digits,
// or "" without TLS.
func (c *Camera) Fingerprint() string {
	if c.cert == nil {
		return ""
	}
	sum := sha256.Sum256(c.cert.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// URL is the camera's address, without user name and password.
func (c *Camera) URL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	scheme := "rtsp"
	if c.cert != nil {
		scheme = "rtsps"
	}
	return (&url.URL{Scheme: scheme, Host: c.addr, Path: c.cfg.Path}).String()
}

// Stop switches the camera off: connections break, the port is closed. It waits
// for the camera's goroutines.
func (c *Camera) Stop() {
	c.reboots()
	c.rebooter.Wait()
	if c.web != nil {
		c.web.close()
	}
	c.pause()
}

// pause is Stop without an end to reboots.
func (c *Camera) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
}

func (c *Camera) stop() {
	if c.run == nil {
		return
	}
	c.run.close()
	c.past = c.stats()
	c.past.Readers = 0
	c.run = nil
}

// Restart switches the camera off, if it is on, and on again at the same
// address. SSRCs, sequence numbers and timestamps are new.
func (c *Camera) Restart() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
	start := c.start
	if c.cfg.Faults.isRaw() {
		start = c.startRaw
	}
	r, err := start()
	// Somebody else may have got the port meanwhile, for a moment.
	for try := 0; err != nil && c.addr != c.cfg.Addr && try < 50; try++ {
		<-time.After(100 * time.Millisecond)
		r, err = start()
	}
	if err != nil {
		return fmt.Errorf("simulated camera: %w", err)
	}
	c.run = r
	c.addr = r.address()
	return nil
}

// Freeze makes the camera send no media while it goes on answering, or ends that.
// A restart ends it too.
func (c *Camera) Freeze(on bool) { c.onRun(func(m machine) { m.freeze(on) }) }

// KeyFrame makes the next access unit an IDR picture.
func (c *Camera) KeyFrame() { c.onRun(machine.keyFrame) }

// HangUp makes the camera break all its connections. It takes new ones at once.
func (c *Camera) HangUp() { c.onRun(machine.hangUp) }

// Impair makes UDP datagrams get lost, overtake each other and come twice, of a
// thousand each, in place of what Faults.Raw says. Only a camera with Faults.Raw can.
// A restart ends it.
func (c *Camera) Impair(lost, reordered, duplicated int) {
	c.onRun(func(m machine) { m.impair(lost, reordered, duplicated) })
}

// Jump makes the RTP timestamps jump, forth or back, as after a fault of the encoder.
func (c *Camera) Jump(by time.Duration) { c.onRun(func(m machine) { m.jump(by) }) }

// StepClock sets the camera's clock, which its sender reports show. A restart ends it.
func (c *Camera) StepClock(by time.Duration) { c.onRun(func(m machine) { m.stepClock(by) }) }

// onRun does something to a camera that is on.
func (c *Camera) onRun(f func(machine)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != nil {
		f(c.run)
	}
}

// Stats count what the camera has sent since it was first started. While nobody
// plays the camera, nothing is sent.
type Stats struct {
	reel.Stats
	Readers          int    // sessions that play at the moment
	KeyFrameRequests uint64 // PLI and FIR received
	Overruns         uint64 // packets that a slow reader did not get

	// Dialog counts what was said; only for cameras with Faults.Raw.
	Dialog rawserver.Counts
}

// Stats may be called at any time.
func (c *Camera) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats()
}

func (c *Camera) stats() Stats {
	s := c.past
	if c.run != nil {
		now := c.run.stats()
		s.Stats = s.Add(now.Stats)
		s.Readers = now.Readers
		s.KeyFrameRequests += now.KeyFrameRequests
		s.Overruns += now.Overruns
		s.Dialog = s.Dialog.Plus(now.Dialog)
	}
	return s
}
