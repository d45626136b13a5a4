//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// sinkStats are what the receiver has seen since the last reset.
type sinkStats struct {
	Sessions int // with at least one whole picture
	Pictures uint64
	Packets  uint64
	Bytes    uint64 // RTP
	Lost     uint64 // packets missing from the sequence
	Missing  uint64 // pictures whose number never came
	Calls    uint64 // system calls that received something

	First latency // from the camera's send to the first packet of the picture
	Last  latency // to the last one
}

// latency is in microseconds.
type latency struct{ P50, P99, Max float64 }

// sink is a WHIP server that looks at packets and forgets them.
type sink struct {
	mu       sync.Mutex
	sessions map[string]*received
}

// sinkMain is the receiver's process. POST takes a session, GET tells what was
// seen, DELETE / forgets what was seen and DELETE of a session ends that.
func sinkMain([]string) error {
	s := &sink{sessions: map[string]*received{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	at := "http://" + l.Addr().String()
	if err := json.NewEncoder(os.Stdout).Encode(announcement{URL: at, Control: at}); err != nil {
		return err
	}
	return http.Serve(l, s) //nolint:gosec // local
}

// ServeHTTP implements http.Handler.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		s.publish(w, r)
	case http.MethodGet:
		_ = json.NewEncoder(w).Encode(s.stats())
	case http.MethodDelete:
		s.delete(r.URL.Path)
	case http.MethodPatch, http.MethodOptions:
		w.WriteHeader(http.StatusNoContent) // candidates: ours are enough
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *sink) publish(w http.ResponseWriter, r *http.Request) {
	offer, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		var session *received
		var answer string
		if session, answer, err = accept(string(offer)); err == nil {
			s.mu.Lock()
			old := s.sessions[r.URL.Path]
			s.sessions[r.URL.Path] = session
			s.mu.Unlock()
			old.close()
			w.Header().Set("Content-Type", "application/sdp")
			w.Header().Set("Location", r.URL.Path)
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, answer)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusBadRequest)
}

func (s *sink) delete(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if path == "/" {
		for _, session := range s.sessions {
			session.reset()
		}
		return
	}
	if session := s.sessions[path]; session != nil {
		delete(s.sessions, path)
		go session.close()
	}
}

func (s *sink) stats() sinkStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum sinkStats
	var first, last []time.Duration
	for _, session := range s.sessions {
		session.mu.Lock()
		if session.pictures > 0 {
			sum.Sessions++
		}
		sum.Pictures += session.pictures
		sum.Packets += session.packets
		sum.Bytes += session.bytes
		sum.Missing += session.missing
		if n := uint64(session.highest-session.base) + 1; session.packets > 0 && n > session.packets { //nolint:gosec // grows
			sum.Lost += n - session.packets
		}
		first = append(first, session.first...)
		last = append(last, session.last...)
		session.mu.Unlock()
		sum.Calls += session.conn.calls.Load()
	}
	sum.First, sum.Last = summary(first), summary(last)
	return sum
}

func summary(d []time.Duration) latency {
	if len(d) == 0 {
		return latency{}
	}
	slices.Sort(d)
	at := func(p float64) float64 { return float64(d[int(p*float64(len(d)-1))].Nanoseconds()) / 1000 }
	return latency{P50: at(0.5), P99: at(0.99), Max: at(1)}
}

// received is one session, and what came of it.
type received struct {
	pc   *webrtc.PeerConnection
	mux  *ice.UDPMuxDefault
	conn *stampedConn

	mu            sync.Mutex
	packets       uint64
	bytes         uint64
	base, highest int64 // sequence numbers, extended
	pictures      uint64
	missing       uint64
	first, last   []time.Duration

	// The picture that is coming in.
	timestamp uint32
	began     time.Time // its first packet
	sent      time.Time // by the camera; zero: not known yet
	number    uint32
	numbered  bool
}

// accept answers an offer.
func accept(offer string) (*received, string, error) {
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, "", err
	}
	conn, err := listenStamped()
	if err != nil {
		return nil, "", err
	}
	r := &received{conn: conn, mux: ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn})}
	var settings webrtc.SettingEngine
	settings.SetICEUDPMux(r.mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	if r.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		_ = r.mux.Close()
		return nil, "", err
	}
	r.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { r.read(t) })
	if err := r.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		r.close()
		return nil, "", err
	}
	answer, err := r.pc.CreateAnswer(nil)
	if err != nil {
		r.close()
		return nil, "", err
	}
	complete := webrtc.GatheringCompletePromise(r.pc)
	if err := r.pc.SetLocalDescription(answer); err != nil {
		r.close()
		return nil, "", err
	}
	select {
	case <-complete:
		return r, r.pc.LocalDescription().SDP, nil
	case <-time.After(5 * time.Second):
		r.close()
		return nil, "", errors.New("no candidates")
	}
}

func (r *received) close() {
	if r != nil {
		_ = r.pc.Close()
		_ = r.mux.Close()
	}
}

func (r *received) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets, r.bytes, r.pictures, r.missing = 0, 0, 0, 0
	r.first, r.last = r.first[:0], r.last[:0]
	r.numbered, r.sent = false, time.Time{}
	r.conn.calls.Store(0)
}

func (r *received) read(t *webrtc.TrackRemote) {
	buf := make([]byte, 1600)
	var h rtp.Header
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		skip, err := h.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		r.note(&h, buf[skip:n], n, r.conn.arrival(h.SequenceNumber))
	}
}

// note takes one packet that arrived at a certain time.
func (r *received) note(h *rtp.Header, payload []byte, size int, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packets == 0 {
		r.base = int64(h.SequenceNumber)
		r.highest = r.base
	}
	r.highest = max(r.highest, r.highest+int64(int16(h.SequenceNumber-uint16(r.highest)))) //nolint:gosec // RFC 3550 appendix A.1
	r.packets++
	r.bytes += uint64(size) //nolint:gosec // positive
	if h.Timestamp != r.timestamp {
		r.timestamp, r.began, r.sent = h.Timestamp, at, time.Time{}
	}
	if number, sent, ok := stamp(payload); ok {
		if r.numbered && number > r.number {
			r.missing += uint64(number - r.number - 1)
		}
		r.number, r.numbered, r.sent = number, true, sent
	}
	if h.Marker && !r.sent.IsZero() {
		r.pictures++
		r.first = append(r.first, r.began.Sub(r.sent))
		r.last = append(r.last, at.Sub(r.sent))
		r.sent = time.Time{}
	}
}
