package rtspsrc

import (
	"context"
	"net"
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

	wire  atomic.Pointer[wire]
	inlet atomic.Pointer[inlet]

	proto gortsplib.Protocol
	desc  *description.Session
	sdp   sdpFacts

	unusable  atomic.Uint64 // packets that gortsplib could not use
	closeOnce sync.Once

	dialog
}

// newLink prepares a connection to u; nothing is sent yet.
func (s *Source) newLink(u *base.URL, proto gortsplib.Protocol, foreign bool) (*link, error) {
	l := &link{src: s, url: u, proto: proto, foreign: foreign}
	l.client = &gortsplib.Client{
		Scheme:       u.Scheme,
		Host:         u.Host,
		ReadTimeout:  s.cfg.RequestTimeout,
		WriteTimeout: s.cfg.RequestTimeout,
		Protocol:     &l.proto,
		UserAgent:    s.cfg.UserAgent,
		// Many cameras name no ports, or send from others than they name.
		AnyPortEnable: true,
		// gortsplib must not give up before Play does.
		InitialUDPReadTimeout: s.cfg.UDPSilence + 5*time.Second,
		DialContext:           l.dial,
		DialTLSContext:        l.dialTLS,
		ListenPacket: func(network, address string) (net.PacketConn, error) {
			return listenPacket(network, address, s.cfg.OnBlock)
		},
		OnRequest:         l.onRequest,
		OnResponse:        l.onResponse,
		OnTransportSwitch: func(error) {},
		OnPacketsLost:     func(uint64) {},
		OnDecodeError:     func(error) { l.unusable.Add(1) },
	}
	if err := l.client.Start(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	in, err := l.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w := newWire(in)
	l.wire.Store(w)
	return w, nil
}

func (l *link) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.src.cfg.DialTimeout)
	defer cancel()
	in, err := l.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, _, _ := strings.Cut(l.url.Hostname(), "%")
	tc, err := l.src.clientTLS(ctx, in, host)
	if err != nil {
		return nil, err
	}
	w := newWire(tc)
	l.wire.Store(w)
	return w, nil
}

func (l *link) connect(ctx context.Context, network, addr string) (*inlet, error) {
	d := net.Dialer{Timeout: l.src.cfg.DialTimeout}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, &stepError{"dial", err}
	}
	in := newInlet(c, l.src.cfg.OnBlock)
	l.inlet.Store(in)
	return in, nil
}

// writeGrace is how long Close lets writes take that are still under way.
const writeGrace = 500 * time.Millisecond

// close ends the session with TEARDOWN, if there is one, closes the connection
// and returns when all of the client's goroutines have ended, in less than 2 s.
// Every caller waits for that.
func (l *link) close() {
	l.closeOnce.Do(func() {
		if in := l.inlet.Load(); in != nil {
			in.hurry(writeGrace)
		}
		l.client.Close()
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

// arrivedAt is when the bytes that gortsplib's reader works on came in.
func (l *link) arrivedAt() time.Time {
	if l.proto == gortsplib.ProtocolTCP {
		return l.inlet.Load().arrived
	}
	return time.Now()
}
