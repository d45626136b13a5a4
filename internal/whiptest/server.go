package whiptest

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
)

// StreamKey is part of every session's URL, as LiveKit has it. It must turn up in
// no log and no error of a client.
const StreamKey = "s3cr3tStreamKey42"

// Wait bounds every wait of this package.
const Wait = time.Minute

// Config changes what a server does; the zero value is a server that takes every
// offer.
type Config struct {
	// Host is the IP address to serve at and to take media at; "" means 127.0.0.1.
	Host string
	// TLS serves https with httptest's certificate; see Server.HTTPClient.
	TLS bool
	// Token, if set, is what requests must bear; others get 401.
	Token string
	// Script may reply to a request instead of the server, or before it. It is
	// called for each request, in the order of arrival; nil lets the server do
	// what it does.
	Script func(Request) *Reply
	// Header is added to the 201.
	Header http.Header
	// MutateAnswer changes the answer before it is sent.
	MutateAnswer func(sdp string) string
	// Codecs are those that the server takes: "H264", "H265", "opus", "G722",
	// "PCMA", "PCMU". Nil means all of them.
	Codecs []string
	// Lose drops a received packet before anything else sees it: it will be NACKed.
	Lose func(kind string, h *rtp.Header) bool
	// OnRTP is given each packet, repaired ones included, on the goroutine that
	// reads the track. The packet may be kept.
	OnRTP func(kind string, p *rtp.Packet)
	// NoMedia cuts the media path in both directions from the start.
	NoMedia bool
	// PassiveDTLS leaves the beginning of the DTLS handshake to the client.
	PassiveDTLS bool
	// Reachable, if set, says with whom media can be exchanged; everyone else's is
	// lost, in both directions.
	Reachable func(net.Addr) bool
	// RestartOpensPath lets media through again once ICE is restarted: a path that
	// is lost for good, and another one.
	RestartOpensPath bool
	// Patch says what is done with PATCH requests.
	Patch Patch
	// TCP offers a TCP candidate too. The cuts of UDP do not concern it.
	TCP bool
	// Extras takes RTX, the header extension with the mid, and transport-wide
	// feedback. The zero value takes none, as a terminating LiveKit Ingress.
	Extras bool
	// Link is what the way to the server carries over UDP, in bits a second, with a
	// queue of a quarter of a second; the rest is lost. 0: anything.
	Link int
	// NoReports leaves out receiver reports, so that a test can send its own.
	NoReports bool
	// ReceiveBuffer is that of the socket for media, in bytes; 4 MiB by default, as
	// servers have it, so that a key frame may come at once.
	ReceiveBuffer int
	// NackInterval is between two looks for lost packets, 20 ms by default.
	NackInterval time.Duration
}

// Request is a request as it arrived.
type Request struct {
	Method string
	Path   string
	Query  string // without the question mark
	Header http.Header
	Body   string
	Host   string
	At     time.Time
	// N counts the requests of this method, from 0.
	N int
}

// Reply is a scripted reply.
type Reply struct {
	// Delay comes before everything else; the end of the test cuts it short.
	Delay time.Duration
	// Hang sends nothing until the client or the test gives up.
	Hang bool
	// Reset cuts the TCP connection instead of replying.
	Reset bool
	// Status, Header and Body are sent as they are; a Status of 0 leaves the
	// reply to the server after all.
	Status int
	Header http.Header
	Body   string
	// Truncate announces more body than is sent.
	Truncate bool
}

// Server is a WHIP server. Its methods may be called from any goroutine.
type Server struct {
	cfg  Config
	http *httptest.Server
	stop chan struct{}
	tcp  ice.TCPMux // nil without TCP
	link *link      // nil: carries anything

	mu       sync.Mutex
	requests []Request
	sessions []*Session
	made     int           // sessions begun: numbers their paths
	changed  chan struct{} // closed and replaced when something arrives
}

// NewServer starts a server that lives until the test ends.
func NewServer(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, stop := Start(cfg)
	t.Cleanup(stop)
	return s
}

// Start starts a server where there is no test; stop ends it.
func Start(cfg Config) (s *Server, stop func()) {
	s = &Server{cfg: cfg, stop: make(chan struct{}), changed: make(chan struct{})}
	if cfg.Link > 0 {
		s.link = newLink(cfg.Link)
	}
	if cfg.TCP {
		if l, err := net.Listen("tcp", net.JoinHostPort(cfg.host(), "0")); err == nil {
			s.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{Listener: l, Logger: quiet().NewLogger("ice"), ReadBufferSize: 64})
		}
	}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	if cfg.Host != "" {
		_ = s.http.Listener.Close()
		s.http.Listener = mustListen(cfg.Host)
	}
	// TLS tests fail handshakes on purpose; the log is not for them.
	s.http.Config.ErrorLog = discardLog
	if cfg.TLS {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	return s, s.Close
}

func (c Config) host() string { return cmp.Or(c.Host, "127.0.0.1") }

// mustListen panics, as httptest does, where an address cannot be had.
func mustListen(host string) net.Listener {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		panic("whiptest: " + err.Error())
	}
	return l
}

// URL is the WHIP endpoint.
func (s *Server) URL() string { return s.http.URL + "/whip" }

// URLAs is the endpoint under another name of this machine, such as "localhost".
func (s *Server) URLAs(host string) string {
	u, err := url.Parse(s.URL())
	if err != nil {
		return ""
	}
	u.Host = host + ":" + u.Port()
	return u.String()
}

// HTTPClient trusts the server's certificate. It belongs to the server, which
// closes its connections.
func (s *Server) HTTPClient() *http.Client { return s.http.Client() }

// Certificate is the one of a server with TLS, in DER.
func (s *Server) Certificate() []byte { return s.http.Certificate().Raw }

// Close ends the server and its sessions. It is called at the end of the test.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.stop:
		s.mu.Unlock()
		return
	default:
	}
	close(s.stop)
	sessions := slices.Clone(s.sessions)
	s.mu.Unlock()
	s.http.CloseClientConnections()
	s.http.Close()
	for _, session := range sessions {
		session.Close()
	}
	if s.tcp != nil {
		_ = s.tcp.Close()
	}
}

// Requests returns every request so far, or those of one method.
func (s *Server) Requests(method string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.requests {
		if method == "" || r.Method == method {
			out = append(out, r)
		}
	}
	return out
}

// Sessions returns every session so far, ended ones included.
func (s *Server) Sessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sessions)
}

// WaitSession returns the newest session, waiting for the first one.
func (s *Server) WaitSession(t testing.TB) *Session {
	t.Helper()
	s.wait(t, "a WHIP session", func() bool { return len(s.sessions) > 0 })
	sessions := s.Sessions()
	return sessions[len(sessions)-1]
}

// WaitRequests waits for so many requests of a method.
func (s *Server) WaitRequests(t testing.TB, method string, n int) []Request {
	t.Helper()
	s.wait(t, fmt.Sprintf("%d requests %s", n, method), func() bool {
		have := 0
		for _, r := range s.requests {
			if r.Method == method {
				have++
			}
		}
		return have >= n
	})
	return s.Requests(method)
}

// wait waits for a condition, which is evaluated with the server locked.
func (s *Server) wait(t testing.TB, what string, condition func() bool) {
	t.Helper()
	timeout := time.NewTimer(Wait)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		ok, changed := condition(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("whiptest: waited %v in vain for %s", Wait, what)
		}
	}
}

// notify wakes those who wait. The server is locked.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) record(r *http.Request) Request {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 2<<20))
	req := Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Body: string(body), Host: r.Host, At: time.Now(),
	}
	keepAuthorization(req.Header.Get("Authorization"))
	keepPasswords(req.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.requests {
		if old.Method == req.Method {
			req.N++
		}
	}
	s.requests = append(s.requests, req)
	s.notify()
	return req
}
