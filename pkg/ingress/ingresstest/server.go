// Package ingresstest is a LiveKit API server for tests: livekit-server's
// Ingress service and the reading half of its RoomService, over real HTTP, with
// real tokens, with the faults that a test asks for. It moves no media.
package ingresstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
)

// The key pair that a Server knows.
const (
	Key    = "APItestkey"
	Secret = "a-secret-of-the-length-that-livekit-asks-for"
)

// Server is a LiveKit API server on a loopback port. The exported fields may be
// set before the first request.
type Server struct {
	// URL is the server's, http://127.0.0.1:port.
	URL string
	// WHIPBaseURL is livekit-server's ingress.whip_base_url.
	WHIPBaseURL string
	// PageSize cuts lists into pages, as LiveKit Cloud does; 0 means one page,
	// as livekit-server does.
	PageSize int
	// NoRedis makes every ingress request fail as without Redis.
	NoRedis bool
	// NoGrants refuses every token for lack of a grant.
	NoGrants bool
	// Fault, if set, is asked about each API request before it is served:
	// method is "CreateIngress" and so on, n counts its requests from 1.
	Fault func(method string, n int) Fault

	http   *httptest.Server
	closed chan struct{}

	mu        sync.Mutex
	calls     map[string]int
	made      int
	killed    []string
	ingresses map[string]*livekit.IngressInfo
	rooms     map[string][]*livekit.ParticipantInfo
}

// Fault is how a request goes wrong; the zero value lets it pass.
type Fault struct {
	// Lost carries the request out and breaks the connection without an answer.
	Lost bool
	// Hang carries the request out and answers only when the client has gone.
	Hang bool
	// Cut breaks the connection before anything is done.
	Cut bool
	// Status and Body, if Status is not 0, are answered instead, with Header.
	Status int
	Body   string
	Header http.Header
}

// Start starts a server. Close it.
func Start() *Server {
	s := &Server{
		WHIPBaseURL: "https://whip.example.com/w",
		closed:      make(chan struct{}),
		calls:       map[string]int{},
		ingresses:   map[string]*livekit.IngressInfo{},
		rooms:       map[string][]*livekit.ParticipantInfo{},
	}
	mux := http.NewServeMux()
	for _, h := range []interface {
		http.Handler
		PathPrefix() string
	}{livekit.NewIngressServer(ingressAPI{s}), livekit.NewRoomServiceServer(roomAPI{s: s})} {
		mux.Handle(h.PathPrefix(), s.faulty(h))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) })
	s.http = httptest.NewServer(s.authenticated(mux))
	s.URL = s.http.URL
	return s
}

// Close stops the server and breaks what is still open.
func (s *Server) Close() {
	close(s.closed)
	s.http.CloseClientConnections()
	s.http.Close()
}

// Calls tells how often a method was called.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Killed lists the ingresses whose live session an update or a deletion ended.
func (s *Server) Killed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.killed)
}

// errors as livekit-server has them, in plain text
var (
	errKey   = "invalid API key"
	errToken = "invalid authorization token"
)

type grantsKey struct{}

// authenticated is livekit-server's middleware: it checks a token if there is
// one and leaves what it grants in the context.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		if header == "" {
			next.ServeHTTP(w, r)
			return
		}
		v, err := auth.ParseAPIToken(strings.TrimPrefix(header, "Bearer "))
		if err != nil {
			plain(w, http.StatusUnauthorized, errToken)
			return
		}
		if v.APIKey() != Key {
			plain(w, http.StatusUnauthorized, errKey)
			return
		}
		_, grants, err := v.Verify(Secret)
		if err != nil {
			plain(w, http.StatusUnauthorized, errToken+": "+err.Error())
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), grantsKey{}, grants)))
	})
}

func plain(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

func (s *Server) granted(ctx context.Context, ok func(*auth.VideoGrant) bool) bool {
	g, _ := ctx.Value(grantsKey{}).(*auth.ClaimGrants)
	return !s.NoGrants && g != nil && g.Video != nil && ok(g.Video)
}

// SetFault sets Fault while the server may be at work.
func (s *Server) SetFault(fault func(method string, n int) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Fault = fault
}

// faulty counts requests and lets them go wrong.
func (s *Server) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		s.mu.Lock()
		s.calls[method]++
		n, fault := s.calls[method], s.Fault
		s.mu.Unlock()

		var f Fault
		if fault != nil {
			f = fault(method, n)
		}
		switch {
		case f.Cut:
			panic(http.ErrAbortHandler)
		case f.Status != 0:
			for k, v := range f.Header {
				w.Header()[k] = v
			}
			plain(w, f.Status, f.Body)
		case f.Lost || f.Hang:
			next.ServeHTTP(httptest.NewRecorder(), r)
			if f.Hang {
				select {
				case <-r.Context().Done():
				case <-s.closed:
				}
			}
			panic(http.ErrAbortHandler)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// Put stores an ingress as it is; without an id or key it gets them. It returns
// a copy of what is stored.
func (s *Server) Put(info *livekit.IngressInfo) *livekit.IngressInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(info)
}

func (s *Server) put(info *livekit.IngressInfo) *livekit.IngressInfo {
	s.made++
	if info.IngressId == "" {
		info.IngressId = fmt.Sprintf("IN_%04d", s.made)
	}
	if info.StreamKey == "" {
		info.StreamKey = fmt.Sprintf("streamkey%04d", s.made)
	}
	if info.State == nil {
		info.State = &livekit.IngressState{}
	}
	s.ingresses[info.IngressId] = info
	return clone(info)
}

// SetState changes what the server says of an ingress.
func (s *Server) SetState(id string, to livekit.IngressState_Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if info := s.ingresses[id]; info != nil {
		info.State = &livekit.IngressState{Status: to}
	}
}

// Join puts a participant into a room.
func (s *Server) Join(room string, p *livekit.ParticipantInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[room] = append(s.rooms[room], p)
}

// Enter puts a participant into a room, as Join does, for who knows no more of it.
func (s *Server) Enter(room, identity string) {
	s.Join(room, &livekit.ParticipantInfo{Identity: identity, State: livekit.ParticipantInfo_ACTIVE})
}

// Attributes are those of a participant, nil for nobody.
func (s *Server) Attributes(room, identity string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.participant(room, identity).GetAttributes())
}

// Flush forgets everything, as livekit-server does when its Redis is flushed.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.ingresses)
	clear(s.rooms)
}

var errPermission = errors.New("permissions denied")
