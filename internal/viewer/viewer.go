// Package viewer receives published streams over WHIP and plays them in a
// browser: a WHIP endpoint (RFC 9725), WHEP-style players and the page that
// holds them, all in one http.Handler. It forwards RTP and decodes nothing.
//
// It is made for one machine looking at itself: a demo, a preview. With the
// zero Config it answers loopback names only, offers a loopback candidate only
// and works without any network.
package viewer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sort"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	defaultMaxStreams = 64
	defaultMaxViewers = 256

	// connectTimeout is how long a peer that got an answer may take to
	// connect. Publishers and browsers need well under a second on one
	// machine; what has not come by then never will.
	connectTimeout = 20 * time.Second

	// keepOffline is how long a stream that nobody publishes any more stays
	// listed, so that its tile can say what happened to it.
	keepOffline = 10 * time.Minute
)

// Config says how a Server behaves. Its zero value is a good one.
type Config struct {
	// Logger gets state changes, never packets. Nil: none.
	Logger *slog.Logger

	// Token, where set, is the bearer token that WHIP requests must carry.
	// Players need none: whoever reaches the page may watch.
	Token string

	// Hosts are names, without port, that requests may address besides
	// loopback ones ("localhost", "127.0.0.1", "[::1]"). Everything else is
	// refused, so that a web page elsewhere cannot reach this server by
	// pointing its own name at 127.0.0.1. "*" lets any name pass.
	Hosts []string

	// AllInterfaces offers the candidates of every network interface, for
	// publishers and browsers on other machines.
	AllInterfaces bool

	// Names are streams to list, in this order and before all others, even
	// while nobody publishes them.
	Names []string

	// Title heads the page. Empty: "rtsp2whip".
	Title string

	// MaxStreams bounds the streams that are published or listed at once (64
	// if 0), MaxViewers the players of all of them together (256 if 0).
	MaxStreams int
	MaxViewers int
}

// Server holds the streams. Its methods are safe for concurrent use.
type Server struct {
	cfg     Config
	log     *slog.Logger
	handler http.Handler
	near    *webrtc.API // for peers that loopback suits, unless Config.AllInterfaces
	far     *webrtc.API // for peers that need this machine's other addresses

	ctx    context.Context // ends with Close; handlers and peers hang on it
	cancel context.CancelFunc
	peers  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	order   int
	streams map[string]*stream
	byID    map[string]*peer
	viewers int
}

// New returns a Server that takes requests at once. It opens no socket before
// the first peer arrives.
func New(cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Title == "" {
		cfg.Title = "rtsp2whip"
	}
	if cfg.MaxStreams <= 0 {
		cfg.MaxStreams = defaultMaxStreams
	}
	if cfg.MaxViewers <= 0 {
		cfg.MaxViewers = defaultMaxViewers
	}
	s := &Server{
		cfg:     cfg,
		log:     cfg.Logger,
		streams: make(map[string]*stream),
		byID:    make(map[string]*peer),
	}
	for _, name := range cfg.Names {
		if err := checkName(name); err != nil {
			return nil, err
		}
		if _, dup := s.streams[name]; dup {
			return nil, errors.New("viewer: stream name " + name + " is given twice")
		}
		s.addStream(name, true)
	}
	var err error
	if s.near, err = newAPI(cfg.AllInterfaces); err != nil {
		return nil, err
	}
	if s.far, err = newAPI(true); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Handler serves the page at /, its data at /api/streams, WHIP at /whip/{name}
// and the players' WHEP at /whep/{name}.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends every session and returns when all of them are gone. Requests
// that come later are answered with 503.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	streams := make([]*stream, 0, len(s.streams))
	for _, st := range s.streams {
		streams = append(streams, st)
	}
	s.mu.Unlock()
	s.cancel()
	for _, st := range streams {
		st.stop()
	}
	s.peers.Wait()
}

// Streams describes every stream: first those of Config.Names, then the others
// in the order in which they first appeared.
func (s *Server) Streams() []Stream {
	now := time.Now()
	s.mu.Lock()
	s.dropStale(now)
	list := make([]*stream, 0, len(s.streams))
	for _, st := range s.streams {
		list = append(list, st)
	}
	s.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { return list[i].order < list[j].order })
	out := make([]Stream, 0, len(list))
	for _, st := range list {
		out = append(out, st.snapshot(now))
	}
	return out
}

// addStream makes the entry of a name. The caller holds s.mu, or is New.
func (s *Server) addStream(name string, keep bool) *stream {
	st := newStream(name, s.order, keep, s.log.With("camera", name))
	s.order++
	s.streams[name] = st
	return st
}

// dropStale forgets streams that have been offline for long. The caller holds
// s.mu.
func (s *Server) dropStale(now time.Time) {
	for name, st := range s.streams {
		if st.stale(now, keepOffline) {
			delete(s.streams, name)
		}
	}
}

// reserve finds or makes the entry of a name for a publisher that is about to
// come, and keeps it until release. Nil means that there are too many.
func (s *Server) reserve(name string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[name]
	if st == nil {
		s.dropStale(time.Now())
		if len(s.streams) >= s.cfg.MaxStreams {
			s.dropStale(time.Now().Add(keepOffline)) // anything offline may go
		}
		if len(s.streams) >= s.cfg.MaxStreams {
			return nil
		}
		st = s.addStream(name, false)
	}
	st.hold()
	return st
}

// enter lets a request in that Close is to wait for. Its context ends with the
// server.
func (s *Server) enter(ctx context.Context) (_ context.Context, leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, false
	}
	s.peers.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		s.peers.Done()
	}, true
}

// lookup returns the entry of a name, or nil.
func (s *Server) lookup(name string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[name]
}
