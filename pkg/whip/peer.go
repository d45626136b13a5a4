package whip

import (
	"fmt"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/cpu"
)

const (
	// consentInterval is between two checks of the path. RFC 7675 section 5.1 asks
	// for 5 s with a jitter of 20 %, and for 4 s at least.
	consentInterval = 4 * time.Second
	// relayWait leaves direct paths a second before one over a TURN server is taken.
	relayWait = time.Second
	// noFail is never waited for: a session is given up when it is disconnected.
	noFail = time.Minute
)

// srtpProfiles orders the SRTP protection profiles by what this CPU does fast.
// With AES instructions AES-128-GCM takes 0.3 us for 1,200 bytes and AES-CM with
// HMAC-SHA1 1.0 us; without them 7.9 us and 4.6 us.
func srtpProfiles(hardwareAES bool) []dtls.SRTPProtectionProfile {
	if hardwareAES {
		return []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	}
	return []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM}
}

func hasAES() bool {
	return (cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ) || (cpu.ARM64.HasAES && cpu.ARM64.HasPMULL) ||
		cpu.S390X.HasAESGCM
}

// newPeer makes a PeerConnection with the tracks added and nothing running.
func (c *Client) newPeer(mux ice.UDPMux, servers []ICEServer, tracks []offeredTrack, locals []*localTrack) (*webrtc.PeerConnection, error) {
	media := &webrtc.MediaEngine{}
	for _, t := range tracks {
		for _, codec := range t.codecs {
			if err := media.RegisterCodec(codec.parameters(t.kind), rtpKind(t.kind)); err != nil {
				return nil, fmt.Errorf("codec %s: %w", codec.Name, err)
			}
		}
		if err := registerExtras(media, t); err != nil {
			return nil, fmt.Errorf("%s: %w", t.kind, err)
		}
	}
	// No interceptors: NACKs, sender reports and statistics are this package's own,
	// which saves their copies and their garbage on the way of each packet.
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(&interceptor.Registry{}),
		webrtc.WithSettingEngine(c.settings(mux)))
	pc, err := api.NewPeerConnection(c.configuration(servers))
	if err != nil {
		return nil, err
	}
	for _, t := range locals {
		init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
		if _, err := pc.AddTransceiverFromTrack(t, init); err != nil {
			_ = pc.Close()
			return nil, fmt.Errorf("%s track: %w", t.kind, err)
		}
	}
	return pc, nil
}

func (c *Client) settings(mux ice.UDPMux) webrtc.SettingEngine {
	var e webrtc.SettingEngine
	e.LoggerFactory = pionLogs{c.log}
	e.SetICEUDPMux(mux)
	e.SetIncludeLoopbackCandidate(c.cfg.Loopback)
	// A server's .local candidate cannot be resolved from elsewhere; it will find
	// us by our candidates. Asking would take a multicast socket a session.
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetICETimeouts(c.cfg.Timeouts.Disconnect, noFail, consentPace(c.cfg.Timeouts.Disconnect))
	e.SetNetworkTypes(c.networkTypes())
	e.SetSTUNGatherTimeout(c.cfg.Timeouts.Gather)
	// How long a relay waits for something better: nothing else is asked for, or a
	// direct path has had its chance.
	e.SetRelayAcceptanceMinWait(relayWait)
	if c.cfg.RelayOnly {
		e.SetRelayAcceptanceMinWait(0)
	}
	e.SetSRTPProtectionProfiles(srtpProfiles(hasAES())...)
	if c.cfg.UDPPorts[0] != 0 {
		// For the agent's own sockets; the range was checked by New.
		_ = e.SetEphemeralUDPPortRange(c.cfg.UDPPorts[0], c.cfg.UDPPorts[1])
	}
	if len(c.cfg.Interfaces) > 0 {
		allowed := c.cfg.Interfaces
		e.SetInterfaceFilter(func(name string) bool {
			for _, a := range allowed {
				if a == name {
					return true
				}
			}
			return false
		})
	}
	return e
}

// consentPace is consentInterval, unless silence is to be noticed sooner than that
// allows.
func consentPace(disconnect time.Duration) time.Duration {
	if disconnect <= consentInterval {
		return disconnect / 3
	}
	return consentInterval
}

// networkTypes are those of the candidates. TCP ones are of the active kind only,
// made when the server names a TCP port; with relays only, there must be none.
func (c *Client) networkTypes() []webrtc.NetworkType {
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if !c.cfg.NoTCP && !c.cfg.RelayOnly {
		types = append(types, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	return types
}

func (c *Client) configuration(servers []ICEServer) webrtc.Configuration {
	cfg := webrtc.Configuration{
		BundlePolicy:  webrtc.BundlePolicyMaxBundle,
		RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
	}
	if c.cfg.RelayOnly {
		cfg.ICETransportPolicy = webrtc.ICETransportPolicyRelay
	}
	for _, s := range servers {
		cfg.ICEServers = append(cfg.ICEServers, webrtc.ICEServer{
			URLs: []string{s.URL}, Username: s.Username, Credential: s.Credential,
		})
	}
	return cfg
}
