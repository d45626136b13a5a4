package viewer

import (
	"fmt"
	"net"
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

// newAPI makes the pion settings shared by many peers.
func newAPI(allInterfaces bool) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	if err := registerCodecs(media); err != nil {
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
	set.SetIncludeLoopbackCandidate(true)
	// Browsers hide their addresses behind mDNS names. Resolving those needs a
	// network and time; on one machine they are not needed, because the
	// browser's first check makes it a peer-reflexive candidate.
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if allInterfaces {
		set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	} else {
		set.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	}
	// A peer that vanished without a word is gone after 10 s.
	set.SetICETimeouts(5*time.Second, 5*time.Second, 2*time.Second)
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(chain),
		webrtc.WithSettingEngine(set),
	), nil
}

func registerCodecs(media *webrtc.MediaEngine) error {
	feedback := []webrtc.RTCPFeedback{
		{Type: "ccm", Parameter: "fir"},
		{Type: "nack"},
		{Type: "nack", Parameter: "pli"},
	}
	for i, id := range h264Profiles {
		err := media.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType:     webrtc.MimeTypeH264,
				ClockRate:    90000,
				SDPFmtpLine:  "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + id,
				RTCPFeedback: feedback,
			},
			PayloadType: webrtc.PayloadType(96 + i),
		}, webrtc.RTPCodecTypeVideo)
		if err != nil {
			return err
		}
	}
	for _, c := range []webrtc.RTPCodecParameters{
		{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		}},
		{PayloadType: 0, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}},
		{PayloadType: 8, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}},
	} {
		if err := media.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
	}
	return nil
}
