package whip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config says where and how to publish. Only Endpoint is needed.
type Config struct {
	// Endpoint is the URL of the WHIP endpoint, https or http. User info in it
	// becomes HTTP basic authentication, unless there is a Token.
	Endpoint string

	// Token returns the bearer token, without the word "Bearer". It is called
	// once for each request, so that tokens that expire can be made afresh. Nil,
	// or an empty string, sends none.
	Token func(context.Context) (string, error)

	// TokenHosts are further host names that may see the token: targets of a
	// redirect, or the host of the session URL. The endpoint's own host always
	// may. A redirect never leads from https to http.
	TokenHosts []string

	// HTTPClient makes the requests; nil means one of this package's own, which
	// keeps no connection open between requests. Its CheckRedirect is not used, and
	// TLS has to be empty beside it.
	HTTPClient *http.Client

	// TLS is for https endpoints, with an HTTP client of this package's own.
	TLS TLS

	// UserAgent is a header for servers' logs. Keep browsers' names out of it:
	// LiveKit changes its behaviour by them. Empty means "rtsp2whip".
	UserAgent string

	// UDPPorts is the range, both ends included, from which each session takes a
	// port for its media. Zeros leave the choice to the system. A site needs as
	// many ports as it has sessions, and some to spare for those being replaced.
	UDPPorts [2]uint16

	// Interfaces, if any, are the only network interfaces used for media.
	Interfaces []string

	// ICEServers are STUN and TURN servers. They take the place of those that the
	// server recommends, which are used when no direct path is found within
	// Timeouts.Direct. Without any, no time is spent on gathering more than the
	// host's own addresses, which is enough wherever the server's UDP port can be
	// reached.
	ICEServers []ICEServer

	// RelayOnly sends media through a TURN server or not at all.
	RelayOnly bool

	// NoTCP leaves out ICE-TCP (RFC 6544): TCP connections to the server's TCP
	// candidates, for networks that let no UDP out. They are made only if the answer
	// has such candidates, and used only if no UDP path is found.
	NoTCP bool

	// DSCP marks the packets of sessions with video AF41 and of those with audio
	// alone EF (RFC 8837 section 5), which a network may honour or not.
	DSCP bool

	// Pacing spreads bursts of video over time. The zero value does not.
	Pacing Pacing

	// NoTrickle puts all ICE candidates into the offer. Otherwise those of
	// ICEServers follow in a PATCH, if the server takes one.
	NoTrickle bool

	// NoRestart ends a session whose path is lost, instead of looking for another
	// path by an ICE restart.
	NoRestart bool

	// Loopback offers loopback addresses too. It is implied by an endpoint on a
	// loopback address.
	Loopback bool

	// OnKeyFrameRequest is told when the server asks for a key frame, with the
	// index of the track. It is called on the goroutine that reads RTCP, also
	// before Publish has returned, and must not block. Requests are not
	// coalesced: an SFU asks for each viewer that joins.
	OnKeyFrameRequest func(track int)

	// Logger gets this package's few messages at warning and information level,
	// and those of the WebRTC library at debug level. Nil discards them.
	Logger *slog.Logger

	Timeouts Timeouts

	// addresses lets a test change this machine's.
	addresses func(real []netip.Addr) []netip.Addr
}

// Timeouts bound the steps of a session; zero means the default.
type Timeouts struct {
	// HTTP bounds the POST with all its redirects. LiveKit's server may need 15 s
	// for retries of its own before it answers. Default 25 s.
	HTTP time.Duration
	// Gather bounds the search for ICE candidates; what there is by then is
	// offered. Default 2 s.
	Gather time.Duration
	// Connect bounds ICE and DTLS, from the answer on. Default 15 s.
	Connect time.Duration
	// Direct is how long a direct path is looked for before the TURN servers that
	// the server recommends are used. Default 5 s.
	Direct time.Duration
	// Restart bounds the search for a new path after one was lost, ICE restart
	// included. LiveKit gives a silent session up after 15 s. Default 10 s.
	Restart time.Duration
	// Disconnect is how long the server may be silent, RTCP and ICE's checks
	// included, before the path counts as lost. Checks are sent every 4 s, or three
	// times as often as this if that is below 5 s. Default 5 s.
	Disconnect time.Duration
	// Delete bounds the DELETE that ends a session. Default 3 s.
	Delete time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	for _, f := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&t.HTTP, 25 * time.Second},
		{&t.Gather, 2 * time.Second},
		{&t.Connect, 15 * time.Second},
		{&t.Direct, 5 * time.Second},
		{&t.Restart, 10 * time.Second},
		{&t.Disconnect, 5 * time.Second},
		{&t.Delete, 3 * time.Second},
	} {
		if *f.value <= 0 {
			*f.value = f.def
		}
	}
	return t
}

// StaticToken is a Config.Token for a token that never changes.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// Client publishes to one WHIP endpoint. It holds no connection and may be used
// from many goroutines.
type Client struct {
	cfg      Config
	endpoint *url.URL // without user info
	userInfo *url.Userinfo
	http     *http.Client
	log      *slog.Logger

	abilities abilities
}

// New checks the configuration. It does no I/O but to read TLS.CAFile.
func New(cfg Config) (*Client, error) {
	u, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, &Error{Op: "config", Err: err, slow: true, hint: "give the WHIP endpoint as a full https URL"}
	}
	lo, hi := cfg.UDPPorts[0], cfg.UDPPorts[1]
	if (lo == 0) != (hi == 0) || lo > hi {
		return nil, &Error{Op: "config", Err: fmt.Errorf("UDP ports %d-%d are not a range", lo, hi), slow: true,
			hint: "give the lowest and the highest UDP port, or neither"}
	}
	if cfg.RelayOnly && len(cfg.ICEServers) == 0 && cfg.NoRestart {
		return nil, &Error{Op: "config", Err: errors.New("relay only, but no ICE servers, and no restart for the server's own"), slow: true,
			hint: "configure a TURN server or allow direct connections"}
	}
	if cfg.Pacing, err = cfg.Pacing.withDefaults(); err != nil {
		return nil, &Error{Op: "config", Err: err, slow: true, hint: "give the rate in bits a second, or Auto"}
	}
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	if cfg.UserAgent == "" {
		cfg.UserAgent = "rtsp2whip"
	}
	client, err := httpClient(cfg)
	if err != nil {
		return nil, &Error{Op: "config", Err: err, slow: true, hint: "check how the server's certificate is to be judged"}
	}
	c := &Client{cfg: cfg, userInfo: u.User, http: client, log: cfg.Logger}
	u.User = nil
	c.endpoint = u
	c.cfg.Loopback = cfg.Loopback || isLoopback(u.Hostname())
	if c.log == nil {
		c.log = slog.New(unlogged)
	}
	return c, nil
}

// Plaintext tells whether the endpoint is plain http: the token and the DTLS
// fingerprints then travel unprotected, and whoever calls may want to say so
// (RFC 9725 section 5 demands https).
func (c *Client) Plaintext() bool { return c.endpoint.Scheme == "http" }

// Endpoint is the endpoint's URL in a form that is fit for a log.
func (c *Client) Endpoint() string { return redactURL(c.endpoint) }

// unlogged takes the messages of clients without a Logger; the tests listen.
var unlogged = slog.DiscardHandler

func parseEndpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// url.Parse quotes its input, which may hold a key.
		return nil, errors.New("the endpoint is not a URL")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the endpoint's scheme is %q, not https or http", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("the endpoint has no host")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// probing finds out within 10 s that a request's path is dead, as after a change of
// address, while a server that is only slow may take all of Timeouts.HTTP.
var probing = net.KeepAliveConfig{Enable: true, Idle: 4 * time.Second, Interval: 2 * time.Second, Count: 3}

// httpClient returns a client that never follows a redirect by itself: Go turns
// a POST into a GET on 301, 302 and 303, and RFC 9725 section 4.5 rules them out.
func httpClient(cfg Config) (*http.Client, error) {
	var c http.Client
	special, err := cfg.TLS.Config()
	switch {
	case err != nil:
		return nil, err
	case cfg.HTTPClient != nil && special != nil:
		return nil, errors.New("TLS settings beside an HTTP client that has its own")
	case cfg.HTTPClient != nil:
		c = *cfg.HTTPClient
	default:
		// A session lasts for days and has two requests: an idle connection in
		// between is no use, and after a change of address it is a dead one.
		c.Transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAliveConfig: probing}).DialContext,
			TLSClientConfig:       special,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
			ForceAttemptHTTP2:     true,
			DisableKeepAlives:     true,
			// An answer is small, and so are its headers: a server that sends more
			// means harm.
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		}
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c, nil
}
