package rtspsrc

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
)

// link is one RTSP connection: gortsplib's client, the socket under it, and what
// was seen passing between both.
type link struct {
	src     *Source
	client  *gortsplib.Client
	url     *base.URL // with credentials
	foreign bool      // a redirect led here from another host

	reached  *inlet    // the connection that gortsplib is given when it asks for one
	deadline time.Time // when connecting ends, TLS included

	wire   atomic.Pointer[wire]
	inlet  atomic.Pointer[inlet]
	outlet atomic.Pointer[inlet] // of an HTTP tunnel

	// The sockets of the last SETUP, and whether it is for SRTP: what is encrypted
	// cannot be numbered anew.
	rtpSocket, rtcpSocket atomic.Pointer[datagramInlet]
	secret                atomic.Bool

	proto gortsplib.Protocol
	desc  *description.Session
	sdp   sdpFacts

	joinErr   error // why a multicast group was not joined; under the dialog's mutex
	makeshift bool  // proto is only for this session
	refused   bool  // its refusal was counted; under the source's mutex

	ended  chan struct{} // closed when the client has ended, with endErr set
	endErr error

	unusable  atomic.Uint64 // packets that gortsplib could not use
	closeOnce sync.Once

	dialog
}

// newLink connects to u and makes gortsplib's client.
func (s *Source) newLink(ctx context.Context, u *base.URL, proto gortsplib.Protocol, foreign bool) (*link, error) {
	l := &link{src: s, url: u, proto: proto, foreign: foreign, ended: make(chan struct{})}
	if err := l.reach(ctx); err != nil {
		return nil, err
	}
	l.client = &gortsplib.Client{
		Scheme:       u.Scheme,
		Host:         s.dialHost(u),
		Tunnel:       s.clientTunnel(),
		ReadTimeout:  s.cfg.RequestTimeout,
		WriteTimeout: s.cfg.RequestTimeout,
		Protocol:     l.clientProtocol(),
		UserAgent:    s.cfg.UserAgent,
		// Many cameras name no ports, or send from others than they name.
		AnyPortEnable: true,
		// gortsplib must not give up before Play does.
		InitialUDPReadTimeout: s.cfg.UDPSilence + 5*time.Second,
		DialContext:           l.dial,
		DialTLSContext:        l.dialTLS,
		ListenPacket:          l.listenPacket,
		OnRequest:             l.onRequest,
		OnResponse:            l.onResponse,
		OnServerRequest:       l.onServerRequest,
		OnServerResponse:      l.onServerResponse,
		OnTransportSwitch:     func(error) {},
		OnPacketsLost:         func(uint64) {},
		OnDecodeError:         func(error) { l.unusable.Add(1) },
	}
	if err := l.client.Start(); err != nil {
		_ = l.reached.Close()
		return nil, &Error{Op: "open", URL: s.name, Err: err}
	}
	return l, nil
}

func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	in, ctx, cancel, err := l.socket(ctx, network, addr)
	defer cancel()
	if err != nil {
		return nil, &stepError{"dial", err}
	}
	return l.lay(ctx, in, addr)
}

func (l *link) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	in, ctx, cancel, err := l.socket(ctx, network, addr)
	defer cancel()
	if err != nil {
		return nil, &stepError{"dial", err}
	}
	host, _, _ := strings.Cut(l.url.Hostname(), "%")
	tc, err := l.src.clientTLS(ctx, in, host)
	if err != nil {
		return nil, err
	}
	return l.lay(ctx, tc, addr)
}

// lay puts a wire on a new connection, unless it is the second one of an HTTP
// tunnel, which is only written to.
func (l *link) lay(ctx context.Context, c net.Conn, addr string) (net.Conn, error) {
	if w := l.wire.Load(); w != nil {
		if w.Conn == c { // since the greeting
			return w, nil
		}
		return c, nil
	}
	if l.src.tunnel == gortsplib.TunnelWebSocket {
		var err error
		if c, err = openWebSocket(ctx, c, addr); err != nil {
			return nil, err
		}
	}
	w := l.newWire(c)
	l.wire.Store(w)
	return w, nil
}

func (l *link) newWire(c net.Conn) *wire {
	w := newWire(c)
	w.teardownWait = l.src.teardownWait
	w.frames.lifeEvery, w.frames.bodyPause = l.src.lifeEvery, l.src.bodyPause
	w.frames.http = l.src.tunnel == gortsplib.TunnelHTTP
	w.frames.udp = l.proto != gortsplib.ProtocolTCP
	return w
}

func (l *link) connect(ctx context.Context, network, addr string) (*inlet, error) {
	if l.inlet.Load() != nil {
		// Some servers answer a tunnel's GET before they are ready for its POST.
		t := time.NewTimer(tunnelPause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	c, err := l.src.cfg.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	in := newInlet(c, l.src.cfg.OnBlock)
	if !l.inlet.CompareAndSwap(nil, in) {
		l.outlet.Store(in)
	}
	return in, nil
}

// listenPacket opens a UDP socket for gortsplib, which takes an even port for RTP
// and the next one for RTCP.
func (l *link) listenPacket(network, address string) (net.PacketConn, error) {
	cfg := &l.src.cfg
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	isRTP := n%2 == 0
	in, err := listenPacket(network, address, cfg.OnBlock, cfg.UDPBuffer, isRTP && !l.secret.Load(), cfg.ReorderDelay)
	if err != nil {
		return nil, err
	}
	in.lifeEvery = l.src.lifeEvery
	if isRTP {
		l.rtpSocket.Store(in)
	} else {
		l.rtcpSocket.Store(in)
	}
	return in, nil
}

// writeGrace is how long Close lets writes take that are still under way.
const writeGrace = 500 * time.Millisecond

// close ends the session with TEARDOWN, if there is one, closes the connection
// and returns when all of the client's goroutines have ended, in less than 2 s.
// Every caller waits for that.
func (l *link) close() {
	l.closeOnce.Do(func() {
		for _, in := range []*inlet{l.inlet.Load(), l.outlet.Load()} {
			if in != nil {
				in.hurry(writeGrace)
			}
		}
		l.client.Close()
		if l.reached != nil { // gortsplib has never asked for it
			_ = l.reached.Close()
		}
	})
}

// during runs f, which talks to the camera, and closes the link if ctx ends first.
func (l *link) during(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, l.close)
	err := f()
	if !stop() {
		l.close() // waits for the one that AfterFunc has started
		return ctx.Err()
	}
	return err
}
