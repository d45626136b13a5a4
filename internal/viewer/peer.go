package viewer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/graceful"
)

// gatherTimeout bounds the wait for our own candidates. They are addresses of
// this machine only, found without asking anybody.
const gatherTimeout = 5 * time.Second

// peer is one PeerConnection, of a publisher or of a viewer, and its life.
type peer struct {
	id   string
	path string // of its session resource
	pc   *webrtc.PeerConnection
	log  *slog.Logger

	connected chan struct{} // closed when media can flow
	ended     chan struct{} // closed when the peer is to go
	gone      chan struct{} // closed when nothing of it is left

	mu     sync.Mutex
	isUp   bool
	reason string // why it ended; "" while it lives
	loops  sync.WaitGroup
}

func newPeer(api *webrtc.API, log *slog.Logger, prefix string) (*peer, error) {
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("viewer: open a peer connection: %w", err)
	}
	id := rand.Text()
	p := &peer{
		id:        id,
		path:      prefix + "/" + id,
		pc:        pc,
		log:       log,
		connected: make(chan struct{}),
		ended:     make(chan struct{}),
		gone:      make(chan struct{}),
	}
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			p.up()
		case webrtc.PeerConnectionStateFailed:
			p.end("the connection was lost")
		case webrtc.PeerConnectionStateClosed:
			p.end("the other side closed the connection")
		}
	})
	return p, nil
}

func (p *peer) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isUp {
		p.isUp = true
		close(p.connected)
	}
}

// end asks the peer to go; the first reason counts. It does not wait.
func (p *peer) end(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == "" {
		p.reason = reason
		close(p.ended)
	}
}

func (p *peer) endReason() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// loop runs fn in a goroutine that the peer's end waits for. fn must return
// when the PeerConnection closes.
func (p *peer) loop(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason != "" {
		return
	}
	p.loops.Add(1)
	go func() {
		defer p.loops.Done()
		fn()
	}()
}

// live blocks until the peer is to go and then takes it down. ready is called
// when it has connected, detach after nothing reads or writes any more.
func (p *peer) live(ctx context.Context, ready, detach func()) {
	timeout := time.NewTimer(connectTimeout)
	defer timeout.Stop()
	select {
	case <-p.connected:
		ready()
		select {
		case <-p.ended:
		case <-ctx.Done():
			p.end(endOf(ctx))
		}
	case <-timeout.C:
		p.end(fmt.Sprintf("no connection within %s", connectTimeout))
	case <-p.ended:
	case <-ctx.Done():
		p.end(endOf(ctx))
	}
	p.shut()
	detach()
	close(p.gone)
}

// endOf says why a context has ended.
func endOf(ctx context.Context) string {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err.Error()
	}
	return "the server is closing"
}

// shut closes the PeerConnection and waits for all that hangs on it.
func (p *peer) shut() {
	p.end("closed")
	if err := graceful.Close(p.pc); err != nil {
		p.log.Debug("close peer connection", "error", err)
	}
	p.loops.Wait()
}

// answer takes the offer and returns the whole answer, candidates included.
// The error is a *statusError.
func (p *peer) answer(ctx context.Context, offer string) (string, error) {
	desc := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	if err := p.pc.SetRemoteDescription(desc); err != nil {
		return "", fail(http.StatusBadRequest, "the offer cannot be used: %v", err)
	}
	ans, err := p.pc.CreateAnswer(nil)
	if errors.Is(err, webrtc.ErrSenderWithNoCodecs) {
		return "", fail(http.StatusNotAcceptable, "the offer has no codec that this stream has")
	}
	if err != nil {
		return "", fail(http.StatusBadRequest, "the offer cannot be answered: %v", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err = p.pc.SetLocalDescription(ans); err != nil {
		return "", fail(http.StatusInternalServerError, "the answer cannot be used: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered:
		return p.pc.LocalDescription().SDP, nil
	case <-p.ended:
		return "", fail(http.StatusServiceUnavailable, "%s", p.endReason())
	case <-ctx.Done():
		return "", fail(http.StatusServiceUnavailable, "no candidates were gathered in time")
	}
}
