package rtspsrc

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// maxRedirects bounds how often a camera may send us elsewhere.
const maxRedirects = 5

// Source is one camera. It may be opened many times, once at a time.
type Source struct {
	cfg Config
	url *base.URL // with credentials
	pin []byte
	// tunnel is what url is spoken through.
	tunnel gortsplib.Tunnel
	log    *slog.Logger
	name   string // the URL for errors and logs

	opened chan struct{} // a token: whoever holds it owns the camera

	// Constants but for tests.
	reportEvery, lifeEvery, teardownWait, bodyPause time.Duration

	mu       sync.Mutex
	learned  bool // proto worked last time
	proto    gortsplib.Protocol
	next     *base.URL // where the camera has sent us, for the next Open
	refusals int       // of our credentials, in a row
}

// New checks the configuration. It does no I/O.
func New(cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	inner, scheme, tunnel := splitTunnel(cfg.URL)
	u, user, pass, err := parseURL(inner)
	if err != nil {
		return nil, err
	}
	if cfg.Username != "" {
		user = cfg.Username
	}
	if cfg.Password != "" {
		pass = cfg.Password
	}
	name := redact(u.String())
	if scheme != "" {
		name = scheme + strings.TrimPrefix(name, u.Scheme)
	}
	bad := func(err error, hint string) error {
		return &Error{Op: "config", URL: name, Err: err, hint: hint, slow: true}
	}
	pin, err := parseFingerprint(cfg.TLS.SHA256)
	if err != nil {
		return nil, bad(fmt.Errorf("tls.sha256: %w", err), "leave tls.sha256 out once: the error then shows the fingerprint of the camera's certificate")
	}
	if (pin != nil || cfg.TLS.Insecure) && u.Scheme != "rtsps" {
		return nil, bad(fmt.Errorf("tls settings with a URL that is not rtsps"), "write rtsps:// in the camera's URL, or drop its tls settings")
	}
	if pin != nil && cfg.TLS.Insecure {
		return nil, bad(fmt.Errorf("tls.sha256 and tls.insecure exclude each other"), "drop tls.insecure: the fingerprint alone is enough")
	}
	if cfg.VideoCodec != H264 && cfg.VideoCodec != H265 {
		return nil, bad(fmt.Errorf("unknown video codec %q", cfg.VideoCodec), "use H264 or H265")
	}
	if cfg.Transport < Auto || cfg.Transport > Multicast {
		return nil, bad(fmt.Errorf("unknown transport %d", int(cfg.Transport)), "use auto, tcp, udp or multicast")
	}
	if tunnel != gortsplib.TunnelNone && cfg.Transport > TCP {
		return nil, bad(fmt.Errorf("transport %s with a URL that begins with %s", cfg.Transport, scheme), "everything goes through a tunnel: set the transport to auto")
	}
	if user != "" || pass != "" {
		u.User = url.UserPassword(user, pass)
	}
	s := &Source{cfg: cfg, url: u, pin: pin, tunnel: tunnel, log: cfg.Logger, name: name, opened: make(chan struct{}, 1),
		reportEvery: reportEvery, lifeEvery: lifeEvery, teardownWait: teardownWait, bodyPause: bodyPause}
	s.opened <- struct{}{}
	return s, nil
}

// URL returns the camera's URL without user info and with secrets in it blanked.
func (s *Source) URL() string { return s.name }

// Open connects to the camera, authenticates, asks for the description and
// chooses the tracks. It returns soon after ctx ends. Only one session may exist:
// Open waits for the one before to be closed. Cameras drop the connection of a
// session that stays unused, so Play should follow.
func (s *Source) Open(ctx context.Context) (*Session, error) {
	select {
	case <-s.opened:
	case <-ctx.Done():
		return nil, s.contextError("open", ctx.Err())
	}
	sess, err := s.open(ctx)
	if err != nil {
		s.opened <- struct{}{}
		return nil, err
	}
	return sess, nil
}

func (s *Source) open(ctx context.Context) (*Session, error) {
	proto := s.first()
	l, err := s.describe(ctx, proto)
	if err != nil {
		next, ok := s.evade(proto, err)
		if !ok || ctx.Err() != nil {
			return nil, err
		}
		s.log.Warn("camera transport changed", "url", s.name,
			"from", protocolName(proto), "to", protocolName(next), "reason", err.Error())
		if l, err = s.describe(ctx, next); err != nil {
			return nil, err
		}
		l.makeshift = true
	}
	tracks, ignored, err := choose(l.desc, l.sdp, s.cfg.VideoTrack, s.cfg.VideoCodec)
	if err != nil {
		e := l.fail("describe", err)
		l.close()
		return nil, e
	}
	sess := &Session{src: s, link: l, tracks: tracks, ignored: ignored, started: time.Now(), done: make(chan struct{})}
	sess.work.Add(1)
	go sess.follow(l)
	s.log.Debug("camera described", "url", s.name, "tracks", len(tracks), "ignored", len(ignored))
	return sess, nil
}

// describe opens a connection and asks for the description, following redirects.
func (s *Source) describe(ctx context.Context, proto gortsplib.Protocol) (*link, error) {
	u := s.target()
	for hop := 0; ; hop++ {
		l, err := s.newLink(ctx, u, proto, !sameHost(u, s.url))
		if err != nil {
			return nil, err
		}
		err = l.during(ctx, func() error {
			for try := 0; ; try++ {
				desc, _, err := l.client.Describe(u.Clone())
				if err == nil {
					l.desc = desc
					return nil
				}
				if try > 0 || !l.again() {
					return err
				}
			}
		})
		if err == nil {
			s.admitted()
			return l, nil
		}
		l.close()
		failure, location := l.fail("describe", err), l.soFar().location
		if location == "" || failure.Status < 301 || failure.Status > 305 {
			return nil, failure
		}
		next, err := s.redirect(u, location)
		if err == nil && hop >= maxRedirects {
			err = fmt.Errorf("more than %d redirects", maxRedirects)
		}
		if err != nil {
			failure.Err = err
			failure.hint = "give the URL that the camera redirects to"
			return nil, failure
		}
		s.log.Info("camera redirects", "from", redact(u.CloneWithoutCredentials().String()), "to", redact(next.CloneWithoutCredentials().String()))
		u = next
	}
}

// redirect resolves where the camera sends us.
func (s *Source) redirect(from *base.URL, location string) (*base.URL, error) {
	ref, err := (*url.URL)(from.CloneWithoutCredentials()).Parse(location)
	if err != nil {
		return nil, fmt.Errorf("redirect to a URL that cannot be parsed")
	}
	to, user, pass, err := parseURL(ref.String())
	if err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	if from.Scheme == "rtsps" && to.Scheme != "rtsps" {
		return nil, fmt.Errorf("redirect from rtsps to rtsp, which would give up encryption")
	}
	to.User = s.url.User
	if user != "" {
		to.User = url.UserPassword(user, pass)
	}
	return to, nil
}

// first is the transport to begin with.
func (s *Source) first() gortsplib.Protocol {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cfg.Transport == Multicast:
		return gortsplib.ProtocolUDPMulticast
	case s.learned:
		return s.proto
	case s.cfg.Transport == UDP:
		return gortsplib.ProtocolUDP
	}
	return gortsplib.ProtocolTCP
}

// learn remembers the transport that the camera accepts.
func (s *Source) learn(p gortsplib.Protocol) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned, s.proto = true, p
}

// contextError is the error of a call that its context has ended.
func (s *Source) contextError(op string, err error) *Error {
	return &Error{Op: op, URL: s.name, Err: err}
}
