package viewer

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// publisher is one WHIP session (RFC 9725).
type publisher struct {
	*peer
	// What it sends; nil where there is none. Until the first packet of a kind
	// this is the first codec that the answer took; the packet's payload type
	// then tells which of them it is.
	video, audio atomic.Pointer[webrtc.RTPCodecCapability]

	ssrc atomic.Uint64 // of the video, plus ssrcKnown once its first packet has come
}

const ssrcKnown = 1 << 32

func (s *Server) handlePublish(w http.ResponseWriter, r *http.Request) {
	if !s.authorize(w, r) {
		return
	}
	ctx, leave, ok := s.enter(r.Context())
	if !ok {
		reply(w, errClosing)
		return
	}
	defer leave()
	name, offer, err := readPost(w, r)
	if err == nil {
		err = checkPublishOffer(offer)
	}
	if err != nil {
		reply(w, err)
		return
	}
	st := s.reserve(name)
	if st == nil {
		w.Header().Set("Retry-After", "10")
		reply(w, fail(http.StatusServiceUnavailable, "too many streams are published here"))
		return
	}
	defer st.release()
	pub, answer, err := s.openPublisher(ctx, st, offer)
	if err != nil {
		reply(w, err)
		return
	}
	created(w, pub.peer, answer)
}

// openPublisher negotiates a session and makes it the stream's publisher.
func (s *Server) openPublisher(ctx context.Context, st *stream, offer string) (*publisher, string, error) {
	p, err := newPeer(s.near, st.log, "/whip/"+pathEscape(st.name))
	if err != nil {
		return nil, "", fail(http.StatusInternalServerError, "%v", err)
	}
	pub := &publisher{peer: p}
	p.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		p.loop(func() { pub.readRTP(st, track) })
		p.loop(func() { drain(receiver) })
	})
	answer, err := p.answer(ctx, offer)
	if err == nil {
		err = checkAnswer(answer)
	}
	if err != nil {
		p.shut()
		return nil, "", err
	}
	pub.noteCodecs()
	if !s.adopt(p, func() { pub.ready(st) }, func() { pub.left(st) }) {
		p.shut()
		return nil, "", errClosing
	}
	old, ok := st.attach(pub)
	if !ok {
		p.end("the server is closing")
		return nil, "", errClosing
	}
	if old != nil {
		old.end("another publisher took over")
	}
	st.dismissUnfit(pub)
	return pub, answer, nil
}

func (p *publisher) ready(st *stream) {
	st.connected(p)
	video, audio := p.codecNames()
	p.log.Info("stream is live", "video", video, "audio", audio)
}

func (p *publisher) left(st *stream) {
	st.detach(p, p.endReason())
	p.log.Info("stream has ended", "reason", p.endReason())
}

// noteCodecs keeps the codec of each kind that the answer took.
func (p *publisher) noteCodecs() {
	for _, t := range p.pc.GetTransceivers() {
		receiver := t.Receiver()
		if receiver == nil {
			continue
		}
		codecs := receiver.GetParameters().Codecs
		if len(codecs) == 0 {
			continue
		}
		p.codec(t.Kind()).Store(&codecs[0].RTPCodecCapability)
	}
}

func (p *publisher) codec(kind webrtc.RTPCodecType) *atomic.Pointer[webrtc.RTPCodecCapability] {
	if kind == webrtc.RTPCodecTypeVideo {
		return &p.video
	}
	return &p.audio
}

// codecNames returns "H264", "opus" and the like, "" where there is none.
func (p *publisher) codecNames() (video, audio string) {
	return codecName(p.video.Load()), codecName(p.audio.Load())
}

func codecName(c *webrtc.RTPCodecCapability) string {
	if c == nil {
		return ""
	}
	_, name, _ := strings.Cut(c.MimeType, "/")
	return name
}

// readRTP forwards a track until it ends.
func (p *publisher) readRTP(st *stream, track *webrtc.TrackRemote) {
	kind := track.Kind()
	actual := track.Codec().RTPCodecCapability
	p.codec(kind).Store(&actual)
	st.dismissUnfit(p)
	if kind == webrtc.RTPCodecTypeVideo {
		p.ssrc.Store(ssrcKnown | uint64(track.SSRC()))
	}
	buf := make([]byte, 1<<16) // no datagram is longer
	var pkt rtp.Packet
	for {
		n, _, err := track.Read(buf)
		if err != nil {
			return
		}
		if pkt.Unmarshal(buf[:n]) != nil {
			continue
		}
		st.forward(p, kind, &pkt, time.Now())
	}
}

// askKeyFrame sends a PLI (RFC 4585 section 6.3.1) and says whether it could.
func (p *publisher) askKeyFrame() bool {
	ssrc := p.ssrc.Load()
	if ssrc&ssrcKnown == 0 {
		return false // no packet has come yet
	}
	return p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}) == nil
}

// drain reads a receiver's RTCP, which the interceptors wait for.
func drain(receiver *webrtc.RTPReceiver) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := receiver.Read(buf); err != nil {
			return
		}
	}
}

// authorize checks the bearer token (RFC 6750 section 2.1).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) bool {
	if s.cfg.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") &&
		subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(s.cfg.Token)) == 1 {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="whip"`)
	reply(w, fail(http.StatusUnauthorized, "a bearer token is needed to publish here"))
	return false
}

// adopt lets a peer live until it ends or the server closes.
func (s *Server) adopt(p *peer, ready, detach func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.byID[p.id] = p
	s.peers.Add(1)
	go func() {
		defer s.peers.Done()
		p.live(s.ctx, ready, func() {
			s.mu.Lock()
			delete(s.byID, p.id)
			s.mu.Unlock()
			detach()
		})
	}()
	return true
}

// endSession answers DELETE on a session's own URL.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/whip/") && !s.authorize(w, r) {
		return
	}
	s.mu.Lock()
	p := s.byID[r.PathValue("id")]
	s.mu.Unlock()
	if p == nil || p.path != r.URL.EscapedPath() {
		reply(w, fail(http.StatusNotFound, "there is no such session, or not any more"))
		return
	}
	p.end("it said goodbye")
	select {
	case <-p.gone:
	case <-r.Context().Done():
	}
	w.WriteHeader(http.StatusOK)
}
