package viewer

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
)

const (
	// MaxPreviews may be open at once, of all cameras together.
	MaxPreviews = 4
	// PreviewLife is how long one may be open: a forgotten page costs no more.
	PreviewLife = 10 * time.Minute
)

// Sink takes the packets of a camera, as publisher.Tap does.
type Sink interface {
	WriteRTP(codec string, start bool, h *rtp.Header, payload []byte)
	Ended()
}

// Tapped is a camera whose packets a Sink gets.
type Tapped struct {
	Video          string // "H264" or "H265"
	ProfileLevelID string // of H.264, "" while unknown
	Audio          string // "opus" is played, others are not; "" for none
	KeyFrame       func() // asks the camera for one
	Remove         func() // ends what Tap has begun
}

// PreviewConfig says where previews get their packets from.
type PreviewConfig struct {
	// Tap has the packets of a camera handed to a Sink. Previews.Open returns its
	// error as it is.
	Tap    func(camera string, to Sink) (Tapped, error)
	Life   time.Duration // of one preview; 0: PreviewLife
	Logger *slog.Logger  // nil: none
}

// Previews play cameras of this process in browsers, each as a WHEP-style session of
// its own. Its methods are safe for concurrent use.
type Previews struct {
	cfg    PreviewConfig
	ctx    context.Context // ends with Close; previews hang on it
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	seats   int // previews that are open or being opened
	byID    map[string]*preview
	dropped uint64 // packets of previews that have ended
}

// NewPreviews returns Previews that take offers at once. It does no I/O.
func NewPreviews(cfg PreviewConfig) *Previews {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Life <= 0 {
		cfg.Life = PreviewLife
	}
	p := &Previews{cfg: cfg, byID: make(map[string]*preview)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Close ends every preview and returns when all of them are gone.
func (p *Previews) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.all.Wait()
}

// Stats tells how many previews are open, and how many packets were dropped because a
// browser, or the way to it, was too slow.
func (p *Previews) Stats() (open int, dropped uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	dropped = p.dropped
	for _, v := range p.byID {
		dropped += v.queue.lost()
	}
	return p.seats, dropped
}

// Open answers a browser's offer. at is the address of this machine by which the
// browser has reached it, where it is offered packets, too. The errors of its own have
// a method HTTPStatus() int.
func (p *Previews) Open(ctx context.Context, camera, offer string, at netip.Addr) (id, answer string, err error) {
	kinds, err := checkPlayOffer(offer)
	if err == nil && !kinds.video {
		err = fail(http.StatusNotAcceptable, "the offer asks for no video")
	}
	if err != nil {
		return "", "", err
	}
	if err := p.enter(); err != nil {
		return "", "", err
	}
	v := &preview{camera: camera, queue: newQueue(), over: make(chan struct{}), log: p.cfg.Logger.With("camera", camera)}
	answer, err = v.negotiate(ctx, p.cfg.Tap, offer, kinds, at)
	if err != nil {
		p.leave(v)
		p.all.Done()
		return "", "", err
	}
	p.mu.Lock()
	p.byID[v.peer.id] = v
	p.mu.Unlock()
	go func() {
		defer p.all.Done()
		v.run(p.ctx, p.cfg.Life, func() { p.leave(v) })
	}()
	return v.peer.id, answer, nil
}

// enter takes a seat.
func (p *Previews) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errClosing
	case p.seats >= MaxPreviews:
		return errSeatsTaken
	}
	p.seats++
	p.all.Add(1)
	return nil
}

var errSeatsTaken = fail(http.StatusServiceUnavailable, "four previews are open already: close one, or wait until one ends")

// leave gives the seat back.
func (p *Previews) leave(v *preview) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seats--
	p.dropped += v.queue.lost()
	if v.peer != nil {
		delete(p.byID, v.peer.id)
	}
}

// End ends a preview of a camera and returns when it is gone; false if there is none.
func (p *Previews) End(ctx context.Context, camera, id string) bool {
	p.mu.Lock()
	v := p.byID[id]
	p.mu.Unlock()
	if v == nil || v.camera != camera {
		return false
	}
	v.peer.end("the browser has closed it")
	select {
	case <-v.peer.gone:
	case <-ctx.Done():
	}
	return true
}
