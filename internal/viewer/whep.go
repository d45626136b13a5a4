package viewer

import (
	"context"
	"net/http"
	"strings"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// viewer is one player: a WHEP session in which the browser makes the offer.
type viewer struct {
	*peer
	wants        offerKinds
	video, audio *relay // nil where the stream has none, or the player wants none
}

func (v *viewer) relay(kind webrtc.RTPCodecType) *relay {
	if kind == webrtc.RTPCodecTypeVideo {
		return v.video
	}
	return v.audio
}

func (s *Server) handlePlay(w http.ResponseWriter, r *http.Request) {
	ctx, leave, ok := s.enter(r.Context())
	if !ok {
		reply(w, errClosing)
		return
	}
	defer leave()
	name, offer, err := readPost(w, r)
	if err != nil {
		reply(w, err)
		return
	}
	st := s.lookup(name)
	if st == nil {
		reply(w, fail(http.StatusNotFound, "there is no stream of this name"))
		return
	}
	pub := st.current()
	if pub == nil {
		w.Header().Set("Retry-After", "1")
		reply(w, fail(http.StatusServiceUnavailable, "nobody publishes this stream now"))
		return
	}
	kinds, err := checkPlayOffer(offer)
	if err != nil {
		reply(w, err)
		return
	}
	if !s.takeSeat() {
		w.Header().Set("Retry-After", "10")
		reply(w, fail(http.StatusServiceUnavailable, "too many players are open"))
		return
	}
	v, answer, err := s.openViewer(ctx, st, pub, offer, kinds)
	if err != nil {
		s.leaveSeat()
		reply(w, err)
		return
	}
	created(w, v.peer, answer)
}

func (s *Server) takeSeat() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers >= s.cfg.MaxViewers {
		return false
	}
	s.viewers++
	return true
}

func (s *Server) leaveSeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.viewers--
}

// openViewer negotiates a player. It owns the seat once it succeeds.
func (s *Server) openViewer(
	ctx context.Context, st *stream, pub *publisher, offer string, kinds offerKinds,
) (*viewer, string, error) {
	api := s.near
	if needsRealAddress(offer) {
		api = s.far
	}
	p, err := newPeer(api, st.log, "/whep/"+pathEscape(st.name))
	if err != nil {
		return nil, "", fail(http.StatusInternalServerError, "%v", err)
	}
	v := &viewer{peer: p, wants: kinds}
	if err = v.addTracks(st, pub, kinds); err != nil {
		p.shut()
		return nil, "", err
	}
	answer, err := p.answer(ctx, offer)
	if err == nil {
		answer, err = moveCandidates(answer)
	}
	if err != nil {
		p.shut()
		return nil, "", err
	}
	ready := func() {
		v.video.open()
		v.audio.open()
		st.requestKeyFrame()
		p.log.Debug("a player has connected")
	}
	left := func() {
		st.leave(v)
		s.leaveSeat()
		p.log.Debug("a player has left", "reason", p.endReason())
	}
	st.join(v)
	if !s.adopt(p, ready, left) {
		st.leave(v)
		p.shut()
		return nil, "", errClosing
	}
	if now := st.current(); now != nil {
		v.endUnfit(now) // what it has may have changed between our look and our joining
	}
	return v, answer, nil
}

// addTracks gives the player what the stream has and the offer asks for.
func (v *viewer) addTracks(st *stream, pub *publisher, kinds offerKinds) error {
	if codec := pub.video.Load(); kinds.video && codec != nil {
		v.video = newRelay(webrtc.RTPCodecTypeVideo, *codec)
	}
	if codec := pub.audio.Load(); kinds.audio && codec != nil {
		v.audio = newRelay(webrtc.RTPCodecTypeAudio, *codec)
	}
	if v.video == nil && v.audio == nil {
		return fail(http.StatusNotAcceptable, "the offer asks for nothing that this stream has")
	}
	for _, r := range []*relay{v.video, v.audio} {
		if r == nil {
			continue
		}
		sender, err := v.pc.AddTrack(r)
		if err != nil {
			return fail(http.StatusInternalServerError, "add a track: %v", err)
		}
		v.loop(func() { readFeedback(st, sender) })
	}
	return nil
}

// readFeedback passes a player's requests for key frames on. It ends with the
// sender.
func readFeedback(st *stream, sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, pkt := range packets {
			switch pkt.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				st.requestKeyFrame()
			}
		}
	}
}

// dismissUnfit ends the players that a new publisher cannot serve on the
// tracks that they have: RFC 9725 knows no renegotiation, and a page that
// connects again gets what there is now.
func (st *stream) dismissUnfit(pub *publisher) {
	for _, v := range *st.viewers.Load() {
		v.endUnfit(pub)
	}
}

func (v *viewer) endUnfit(pub *publisher) {
	if v.wants.video && !v.video.fits(pub.video.Load()) || v.wants.audio && !v.audio.fits(pub.audio.Load()) {
		v.end("the stream's tracks have changed")
	}
}

// fits says whether the relay can carry codec. Profiles of H.264 may change:
// decoders go by the SPS.
func (r *relay) fits(codec *webrtc.RTPCodecCapability) bool {
	if r == nil || codec == nil {
		return r == nil && codec == nil
	}
	return strings.EqualFold(r.codec.MimeType, codec.MimeType) && r.codec.ClockRate == codec.ClockRate
}
