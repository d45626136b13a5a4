// Package publisher holds one camera's life: it joins a source to a target.
//
// Two loops run side by side. The camera's loop opens the source, finds out
// which tracks flow and reopens it when it is lost; the target's loop makes a
// session as soon as every chosen track flows, keeps it while the camera is
// away for no longer than the hold time, and rebuilds it without touching the
// camera when it is lost. Packets go from the source's goroutine straight
// through a feed into the session: no queue lies between.
package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/repack"
)

// Defaults of Config.
const (
	DefaultHold = 15 * time.Second
)

const (
	// probeTimeout bounds the wait for a playing camera's first video packet
	// and its parameter sets.
	probeTimeout = 10 * time.Second
	// audioWait is how long flowing video waits for announced audio. A track
	// that is offered and stays silent makes LiveKit Ingress end the session.
	audioWait = time.Second
	// stableAfter is how long media must flow before the pace of retries starts
	// afresh.
	stableAfter = 10 * time.Second
	// closeTimeout bounds DELETE and TEARDOWN at the end.
	closeTimeout = 4 * time.Second
	// publishTimeout bounds one attempt to make a session, provisioning,
	// HTTP, ICE and DTLS included. livekit-server alone may take 15 s to
	// find a node.
	publishTimeout = 40 * time.Second
)

// Config says what to publish and where.
type Config struct {
	Name   string // unique within the site; in every log line
	Source Source
	// Sub is the camera's second, smaller stream, nil if there is none. It plays when the
	// way to the target is too narrow for Source, or Source cannot be shown. The two are
	// never open at the same time.
	Sub    Source
	Target Target
	Audio  bool          // false: leave all audio out
	Hold   time.Duration // keep the session while the camera is away; 0 means DefaultHold
	SEI    repack.SEI
	OnLoss repack.OnLoss
	// Room tells how the far end sees the camera; nil where it cannot be asked.
	Room Room
	// OnDemand publishes only while the Room has viewers, and for Linger after the
	// last one (0 means DefaultLinger). Cold closes the camera, too, while there are
	// none.
	OnDemand bool
	Cold     bool
	Linger   time.Duration
	// DropBFrames leaves B-frames out where that is legal. Without it a camera
	// that sends some is not published: receivers show them in the wrong order.
	DropBFrames bool
	Codec       string       // of the video: CodecH264, the default, or CodecH265
	Logger      *slog.Logger // nil: slog.Default()
	// Outages are shared by the publishers of a site, so that those whose camera or
	// target is away do not try too often, all together. nil: this one is alone.
	Outages *Outages
	// Changed, if set, is called when Status has something new to say of state or
	// reason. It must be quick, and may not call the publisher.
	Changed func()
}

// Publisher publishes one camera. Run it once.
type Publisher struct {
	cfg Config
	log *slog.Logger

	cameraPace, targetPace *backoff // each its loop's own

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever what mu guards has changed
	camera  side
	target  side
	presence
	stopped <-chan struct{} // closed when told to stop: whatever the sides still do, nothing is wrong
	state   State
	since   time.Time
	video   *feed     // nil until the camera was first opened
	feeds   []*feed   // what flows in the camera's present session, or flowed in the last
	away    time.Time // since when the camera has not been flowing; zero: it flows
	source  SourceSession
	session TargetSession
	status  Status // the parts that change rarely, and the sampled ones
	sample  sample
	streams streams
	align   alignment
	logged  repeats

	sent      counters
	taps      taps
	closing   sync.WaitGroup          // lost sessions that are being ended
	flusher   atomic.Pointer[flusher] // nil: no session connected
	keyFrames chan struct{}           // capacity 1: somebody wants a key frame
	swap      chan struct{}           // capacity 1: the camera's other stream is to play
}

// New checks the configuration; it does no I/O.
func New(cfg Config) (*Publisher, error) {
	switch {
	case cfg.Name == "":
		return nil, errors.New("publisher: no name")
	case cfg.Source == nil:
		return nil, errors.New("publisher: no source")
	case cfg.Target == nil:
		return nil, errors.New("publisher: no target")
	case cfg.Codec != "" && cfg.Codec != CodecH264 && cfg.Codec != CodecH265:
		return nil, fmt.Errorf("publisher: codec %q is no video codec", cfg.Codec)
	case cfg.Hold < 0 || cfg.Linger < 0:
		return nil, errors.New("publisher: hold or linger is negative")
	case cfg.OnDemand && cfg.Room == nil:
		return nil, errors.New("publisher: on demand without a room to look into")
	}
	if cfg.Linger == 0 {
		cfg.Linger = DefaultLinger
	}
	if cfg.Codec == "" {
		cfg.Codec = CodecH264
	}
	if cfg.Hold == 0 {
		cfg.Hold = DefaultHold
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Outages == nil {
		cfg.Outages = &Outages{}
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	p := &Publisher{
		cfg:       cfg,
		log:       cfg.Logger.With("camera", cfg.Name),
		changed:   make(chan struct{}),
		state:     Idle,
		since:     time.Now(),
		keyFrames: make(chan struct{}, 1),
		swap:      make(chan struct{}, 1),
		streams:   streams{playing: Main},
		presence:  presence{wanted: !cfg.OnDemand},

		cameraPace: newBackoff(&cfg.Outages.cameras),
		targetPace: newBackoff(&cfg.Outages.targets),
	}
	p.status.Name = cfg.Name
	p.status.Target = cfg.Target.String()
	for _, source := range []Source{cfg.Source, cfg.Sub} {
		if s, ok := source.(Pausing); ok {
			s.OnPause(p.flush)
		}
	}
	return p, nil
}

// flusher is the connected session, for the packet path.
type flusher struct{ session TargetSession }

// flush is called by the camera's reader when it is about to wait.
func (p *Publisher) flush() {
	if f := p.flusher.Load(); f != nil {
		f.session.Flush()
	}
}

// Name is the camera's name.
func (p *Publisher) Name() string { return p.cfg.Name }

// Run publishes the camera until ctx ends, then ends both sessions (DELETE,
// TEARDOWN) within about closeTimeout and returns. Nothing that goes wrong on
// the way ends it.
func (p *Publisher) Run(ctx context.Context) {
	p.update(func() { p.stopped = ctx.Done() })
	stop := context.AfterFunc(ctx, func() { p.update(func() {}) })
	defer stop()
	var wg sync.WaitGroup
	for _, loop := range []func(context.Context){p.runCamera, p.runTarget, p.runKeyFrames, p.runSampler, p.runDemand} {
		wg.Go(func() { loop(ctx) })
	}
	wg.Wait()
	p.taps.end()
	p.update(func() {}) // the one above may not have had its turn yet
}

// update changes the shared state, works out the camera's state anew and wakes
// whoever waits for a change.
func (p *Publisher) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})

	state, fault := derive(p.camera, p.target, p.doubt)
	select {
	case <-p.stopped:
		state, fault = Idle, nil
	default:
	}
	reason := p.status.Reason
	p.status.Reason, p.status.Hint = "", ""
	if fault != nil {
		p.status.Reason, p.status.Hint = fault.Text, fault.Hint
	}
	switch state {
	case Live:
		p.status.EverLive, p.status.Tried = true, true
	case Waiting:
		p.status.Tried = true
	}
	if state != p.state {
		p.state, p.since = state, time.Now()
		p.log.Info("state", "state", string(state))
		p.cfg.Changed()
	} else if p.status.Reason != reason {
		p.cfg.Changed()
	}
}

// watch returns a channel that is closed at the next change. Take it before
// looking at the state.
func (p *Publisher) watch() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// keyFrameAsked is told when a receiver asks for a key frame.
func (p *Publisher) keyFrameAsked() {
	p.mu.Lock()
	video := p.video
	p.mu.Unlock()
	if video != nil && video.encore != nil {
		video.encore.asked.Store(true)
	}
	p.wantKeyFrame()
}

// wantKeyFrame asks for an IDR soon; requests within a second become one.
func (p *Publisher) wantKeyFrame() {
	select {
	case p.keyFrames <- struct{}{}:
	default:
	}
}

// RequestKeyFrame asks the camera for a key frame, as a viewer would. It returns
// false if the camera does not play.
func (p *Publisher) RequestKeyFrame() bool {
	p.mu.Lock()
	plays := p.source != nil
	p.mu.Unlock()
	if plays {
		p.wantKeyFrame()
	}
	return plays
}

// runKeyFrames passes requests on to the camera, at most one a second: viewers
// who join ask in bursts, and encoders choke on them.
func (p *Publisher) runKeyFrames(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.keyFrames:
		}
		p.mu.Lock()
		src := p.source
		p.mu.Unlock()
		if src != nil {
			if err := src.RequestKeyFrame(); err != nil {
				p.log.Debug("key frame request", "err", err)
			}
		}
		if !sleep(ctx, time.Second) {
			return
		}
	}
}
