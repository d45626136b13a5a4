package whiptest

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/graceful"
)

// gate is a UDP socket that can be made to swallow packets.
type gate struct {
	net.PacketConn
	in, out atomic.Bool
	open    func(net.Addr) bool // nil for everyone
	link    *link               // nil: carries anything
}

func (g *gate) shut(addr net.Addr) bool { return g.open != nil && !g.open(addr) }

func (g *gate) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := g.PacketConn.ReadFrom(b)
		if err != nil || !g.in.Load() && !g.shut(addr) && g.link.carries(n) {
			return n, addr, err
		}
	}
}

func (g *gate) WriteTo(b []byte, addr net.Addr) (int, error) {
	if g.out.Load() || g.shut(addr) {
		return len(b), nil
	}
	return g.PacketConn.WriteTo(b, addr)
}

// newSession answers an offer.
func newSession(server *Server, path, offer string) (*Session, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(server.cfg.host())})
	if err != nil {
		return nil, err
	}
	buffer := server.cfg.ReceiveBuffer
	if buffer == 0 {
		buffer = 4 << 20
	}
	_ = conn.SetReadBuffer(buffer) // where the system allows less, the rest is asked for again
	s := &Session{server: server, path: path, offer: offer, gate: &gate{PacketConn: conn, open: server.cfg.Reachable, link: server.link}, tracks: map[string]*received{}}
	s.Blackhole(server.cfg.NoMedia, server.cfg.NoMedia)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: s.gate, Logger: quiet().NewLogger("ice")})
	api, err := newAPI(server.cfg, mux, server.tcp)
	if err != nil {
		_ = mux.Close()
		return nil, err
	}
	if s.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		_ = mux.Close()
		return nil, err
	}
	s.close = sync.OnceFunc(func() {
		_ = graceful.Close(s.pc)
		_ = mux.Close()
	})
	s.pc.OnTrack(s.onTrack)
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		s.mu.Lock()
		s.state = state
		s.mu.Unlock()
	})
	if s.answer, err = s.makeAnswer(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Session) makeAnswer() (string, error) {
	sdp, err := s.negotiate(s.offer)
	if err != nil {
		return "", err
	}
	if f := s.server.cfg.MutateAnswer; f != nil {
		sdp = f(sdp)
	}
	return sdp, nil
}

// negotiate answers an offer, with all candidates.
func (s *Session) negotiate(offer string) (string, error) {
	err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	answer, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	complete := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	select {
	case <-complete:
	case <-time.After(Wait):
		return "", errors.New("gathering takes too long")
	}
	sdp := s.pc.LocalDescription().SDP
	keepPasswords(sdp)
	return sdp, nil
}

func newAPI(cfg Config, mux ice.UDPMux, tcp ice.TCPMux) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	if err := registerCodecs(media, cfg.Codecs, cfg.Extras); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	registry.Add(loserFactory{cfg.Lose}) // first: nearest to the network
	interval := cfg.NackInterval
	if interval == 0 {
		interval = 20 * time.Millisecond
	}
	generator, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(interval), nack.GeneratorSize(4096),
		nack.WithGeneratorLoggerFactory(quiet()))
	if err != nil {
		return nil, err
	}
	registry.Add(generator)
	reports, err := report.NewReceiverInterceptor(report.ReceiverInterval(200*time.Millisecond),
		report.WithReceiverLoggerFactory(quiet()))
	if err != nil {
		return nil, err
	}
	if !cfg.NoReports {
		registry.Add(reports)
	}
	if cfg.Extras {
		if err := addExtras(media, registry); err != nil {
			return nil, err
		}
	}
	var e webrtc.SettingEngine
	e.LoggerFactory = quiet()
	e.SetICEUDPMux(mux)
	if tcp != nil {
		e.SetICETCPMux(tcp)
		e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4})
	}
	e.SetIncludeLoopbackCandidate(true)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if cfg.PassiveDTLS {
		if err := e.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
			return nil, err
		}
	}
	e.DisableSRTPReplayProtection(true) // as SFUs have it: retransmissions keep their numbers
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(e)), nil
}

// addExtras takes the header extensions for the mid and for transport-wide
// feedback, and sends the latter.
func addExtras(media *webrtc.MediaEngine, registry *interceptor.Registry) error {
	for _, uri := range []string{sdp.SDESMidURI, sdp.TransportCCURI} {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
			if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return err
			}
		}
	}
	feedback, err := twcc.NewSenderInterceptor(twcc.SendInterval(50*time.Millisecond), twcc.WithLoggerFactory(quiet()))
	if err != nil {
		return err
	}
	registry.Add(feedback)
	return nil
}

func registerCodecs(media *webrtc.MediaEngine, only []string, extras bool) error {
	video := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	audio := []webrtc.RTCPFeedback{{Type: "nack"}}
	add := func(pt uint8, mime string, rate uint32, channels uint16, fmtp string) error {
		name := mime[strings.Index(mime, "/")+1:]
		if only != nil && !slices.ContainsFunc(only, func(o string) bool { return strings.EqualFold(o, name) }) {
			return nil
		}
		kind, feedback := webrtc.RTPCodecTypeVideo, video
		if strings.HasPrefix(mime, "audio/") {
			kind, feedback = webrtc.RTPCodecTypeAudio, audio
		}
		return media.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: mime, ClockRate: rate, Channels: channels, SDPFmtpLine: fmtp, RTCPFeedback: feedback,
			},
			PayloadType: webrtc.PayloadType(pt),
		}, kind)
	}
	if extras {
		video = append(video, webrtc.RTCPFeedback{Type: "transport-cc"})
		for _, apt := range []uint8{102, 103, 104, 105} {
			err := media.RegisterCodec(webrtc.RTPCodecParameters{
				RTPCodecCapability: webrtc.RTPCodecCapability{
					MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", apt),
				},
				PayloadType: webrtc.PayloadType(apt + 10),
			}, webrtc.RTPCodecTypeVideo)
			if err != nil {
				return err
			}
		}
	}
	h264 := "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="
	return errors.Join(
		add(102, webrtc.MimeTypeH264, 90000, 0, h264+"42e01f"),
		add(103, webrtc.MimeTypeH264, 90000, 0, h264+"42001f"),
		add(104, webrtc.MimeTypeH264, 90000, 0, h264+"4d001f"),
		add(105, webrtc.MimeTypeH264, 90000, 0, h264+"640032"),
		add(106, webrtc.MimeTypeH265, 90000, 0, "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST"),
		add(111, webrtc.MimeTypeOpus, 48000, 2, "minptime=10;useinbandfec=1"),
		add(9, webrtc.MimeTypeG722, 8000, 0, ""),
		add(8, webrtc.MimeTypePCMA, 8000, 0, ""),
		add(0, webrtc.MimeTypePCMU, 8000, 0, ""),
	)
}

// loserFactory makes interceptors that lose packets.
type loserFactory struct {
	lose func(kind string, h *rtp.Header) bool
}

func (f loserFactory) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &loser{lose: f.lose}, nil
}

type loser struct {
	interceptor.NoOp
	lose func(kind string, h *rtp.Header) bool
}

// BindRemoteStream puts the loss before every other reader.
func (l *loser) BindRemoteStream(info *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	if l.lose == nil {
		return reader
	}
	kind, _, _ := strings.Cut(info.MimeType, "/")
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		for {
			n, attributes, err := reader.Read(b, a)
			if err != nil {
				return n, attributes, err
			}
			var h rtp.Header
			if _, err := h.Unmarshal(b[:n]); err != nil || !l.lose(kind, &h) {
				return n, attributes, nil
			}
		}
	})
}
