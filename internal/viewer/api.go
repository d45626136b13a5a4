package viewer

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// h264Profiles are the profile-level-id values offered to peers. pion compares
// only their first two bytes (profile and constraints; RFC 6184 section 8.2.2
// leaves the level free) and answers with the peer's own value. A stream in a
// profile that is not listed still matches as plain H.264.
var h264Profiles = []string{
	"42e01f", // Constrained Baseline
	"42001f", // Baseline
	"4d001f", // Main
	"64001f", // High
	"640c1f", // Constrained High
	"f4001f", // High 4:4:4 Predictive
}

// newAPI makes the pion settings shared by many peers. Those with loopback only are
// offered no other candidate.
func newAPI(allInterfaces bool) (*webrtc.API, error) {
	if allInterfaces {
		return apiWith(registerCodecs, nil)
	}
	return apiWith(registerCodecs, loopback4)
}

// newPreviewAPI makes the settings for a browser that has reached this machine at an
// address: it is offered that one alone. If it is a loopback address and the browser
// can do nothing with those, it may have any other.
func newPreviewAPI(codec string, sound bool, at netip.Addr, needsReal bool) (*webrtc.API, error) {
	register := func(m *webrtc.MediaEngine) error { return registerPreviewCodecs(m, codec, sound) }
	at = at.Unmap().WithZone("")
	switch {
	case at.IsValid() && !at.IsLoopback():
		return apiWith(register, func(ip net.IP) bool { return ip.Equal(at.AsSlice()) })
	case needsReal:
		return apiWith(register, nil)
	default:
		return apiWith(register, loopback4)
	}
}

func loopback4(ip net.IP) bool { return ip.To4() != nil && ip.IsLoopback() }

// apiWith makes settings by codecs and by the addresses of candidates, nil for all.
func apiWith(register func(*webrtc.MediaEngine) error, candidates func(net.IP) bool) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	if err := register(media); err != nil {
		return nil, fmt.Errorf("viewer: register codecs: %w", err)
	}
	chain := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(chain); err != nil {
		return nil, fmt.Errorf("viewer: configure RTCP reports: %w", err)
	}
	if err := webrtc.ConfigureNack(media, chain); err != nil {
		return nil, fmt.Errorf("viewer: configure NACK: %w", err)
	}
	var set webrtc.SettingEngine
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	if candidates != nil {
		set.SetIPFilter(candidates)
	}
	set.SetIncludeLoopbackCandidate(true)
	// Browsers hide their addresses behind mDNS names. Resolving those needs a
	// network and time; on one machine they are not needed, because the
	// browser's first check makes it a peer-reflexive candidate.
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	// A peer that vanished without a word is gone after 10 s.
	set.SetICETimeouts(5*time.Second, 5*time.Second, 2*time.Second)
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(chain),
		webrtc.WithSettingEngine(set),
	), nil
}

// feedback is what is asked of who receives video, and understood of who sends it.
var feedback = []webrtc.RTCPFeedback{
	{Type: "ccm", Parameter: "fir"},
	{Type: "nack"},
	{Type: "nack", Parameter: "pli"},
}

// videoCapability describes a camera's codec; profile is H.264's profile-level-id.
func videoCapability(codec, profile string) webrtc.RTPCodecCapability {
	c := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH265, ClockRate: 90000, RTCPFeedback: feedback}
	if codec != codecH265 {
		c.MimeType = webrtc.MimeTypeH264
		c.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile
	}
	return c
}

var opus = webrtc.RTPCodecCapability{
	MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
}

func registerCodecs(media *webrtc.MediaEngine) error {
	if err := registerH264(media); err != nil {
		return err
	}
	for _, c := range []webrtc.RTPCodecParameters{
		{PayloadType: 111, RTPCodecCapability: opus},
		{PayloadType: 0, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}},
		{PayloadType: 8, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}},
	} {
		if err := media.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
	}
	return nil
}

func registerH264(media *webrtc.MediaEngine) error {
	for i, id := range h264Profiles {
		c := webrtc.RTPCodecParameters{RTPCodecCapability: videoCapability(codecH264, id), PayloadType: webrtc.PayloadType(96 + i)}
		if err := media.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return nil
}

// registerPreviewCodecs takes nothing but what the camera sends: an offer without its
// video codec is refused, and a section for sound that it has not is rejected.
func registerPreviewCodecs(media *webrtc.MediaEngine, codec string, sound bool) error {
	if codec == codecH265 {
		c := webrtc.RTPCodecParameters{RTPCodecCapability: videoCapability(codecH265, ""), PayloadType: 96}
		if err := media.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	} else if err := registerH264(media); err != nil {
		return err
	}
	if !sound {
		return nil
	}
	return media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
}
