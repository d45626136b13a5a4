package camsim

import (
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
)

// raw is a camera whose faults are all our own server's.
func raw(f rawserver.Faults) Config { return Config{Faults: Faults{Raw: f}} }

// locked puts a password on a camera.
func locked(c Config) Config {
	c.Username, c.Password = "viewer", "secret"
	return c
}

// atTheDoor are cameras that are hard to get in.
func atTheDoor() []Personality {
	return []Personality{
		{Name: "plain", What: "does nothing wrong: Baseline over TCP and UDP, without a password"},
		{Name: "digest", What: "asks for a password, Digest with MD5", Config: locked(Config{})},
		{Name: "sha256-only", What: "asks for Digest with SHA-256 and nothing else",
			Config: locked(Config{Faults: Faults{DigestSHA256: true}})},
		{Name: "qop-auth", What: "asks for Digest with qop=auth and takes nothing less",
			Config: locked(raw(rawserver.Faults{QOP: true}))},
		{Name: "qop-sha256", What: "asks for Digest with qop=auth and SHA-256",
			Config: locked(raw(rawserver.Faults{QOP: true, SHA256: true}))},
		{Name: "stale-nonce", What: "wants a new nonce after every second request, keep-alives too, and ends a session after 20 s without one",
			Config: locked(raw(rawserver.Faults{NonceUses: 2, Timeout: 20 * time.Second, AliveBy: rawserver.AliveByRequest}))},
		{Name: "odd-password", What: "has a password full of URL syntax", Config: Config{Username: "viewer", Password: "p@:/#%?& w"}}, // #nosec G101 -- of a simulated camera
		{Name: "wrong-password", What: "refuses every password", Expect: "401 Unauthorized",
			Config: locked(Config{Faults: Faults{WrongPassword: true}})},
		{Name: "rtsps-selfsigned", What: "speaks TLS with a certificate of its own making", Config: Config{TLS: true}},
	}
}

// describing are cameras that say odd things of themselves.
func describing() []Personality {
	return []Personality{
		{Name: "bad-content-base", What: "doubles the scheme in Content-Base", Config: Config{Faults: Faults{DoubleScheme: true}}},
		{Name: "control-zoo", What: "has a control attribute from the root for its video and one of a query alone for its sound",
			Config: Config{Audio: "opus", Faults: Faults{Raw: rawserver.Faults{Control: rawserver.ControlMixed}}}},
		{Name: "control-absolute", What: "has absolute control attributes with a query, elsewhere than below its URL",
			Config: raw(rawserver.Faults{Control: rawserver.ControlAbsolute})},
		{Name: "control-slash", What: "begins control attributes with a slash and means them to be appended",
			Config: raw(rawserver.Faults{Control: rawserver.ControlSlash})},
		{Name: "control-query", What: "has control attributes of a query alone",
			Config: raw(rawserver.Faults{Control: rawserver.ControlQuery})},
		{Name: "broken-sdp", What: "sends two s= lines, a bad c=, an m= of no known form and parameter sets that are not base64",
			Config: raw(rawserver.Faults{DoubleName: true, BadConnection: true, OddMedia: true, BadSprop: true})},
		{Name: "no-sprop", What: "sends parameter sets in band only", Config: Config{Faults: Faults{NoSprop: true}}},
		{Name: "oob-only", What: "sends parameter sets in the SDP only", Config: Config{Faults: Faults{OutOfBandOnly: true}}},
		{Name: "lying-plid", What: "claims Baseline 4.1 and sends Main",
			Config: Config{Clip: "360p-main", Faults: Faults{ProfileLevelID: "420029"}}},
		{Name: "mode0-fua", What: "declares packetization mode 0 and sends FU-A", Config: Config{Faults: Faults{ModeZero: true}}},
		{Name: "zero-rtp-info", What: "says seq=0 and rtptime=0 in RTP-Info and means nothing by it",
			Config: raw(rawserver.Faults{ZeroRTPInfo: true})},
	}
}

// conversing are cameras whose sessions are odd.
func conversing() []Personality {
	return []Personality{
		{Name: "tcp-only", What: "has no UDP ports", Config: Config{Transport: TCPOnly}},
		{Name: "udp-only", What: "refuses interleaved media", Config: Config{Transport: UDPOnly}},
		{Name: "udp-blackhole", What: "accepts UDP and sends nothing over it", Transport: "udp",
			Config: raw(rawserver.Faults{SilentUDP: true})},
		{Name: "udp-lossy", What: "sends over UDP only, on a way that loses 1 datagram in 1000, swaps 10 and doubles 2",
			Transport: "udp",
			Config: Config{Transport: UDPOnly, Faults: Faults{
				HonourPLI: true, Raw: rawserver.Faults{Lost: 1, Reordered: 10, Duplicated: 2},
			}}},
		{Name: "foreign-channels", What: "sends on other interleaved channels than it was asked to",
			Config: Config{Audio: "pcma", Faults: Faults{Raw: rawserver.Faults{FirstChannel: 11}}}},
		{Name: "plain-avp", What: "answers RTP/AVP where it sends RTP/AVP/TCP", Config: raw(rawserver.Faults{PlainAVP: true})},
		{Name: "session-change", What: "gives a new Session id with every SETUP and forgets the one before",
			Config: Config{Audio: "pcma", Faults: Faults{Raw: rawserver.Faults{NewSessionID: true}}}},
		{Name: "stale-live555", What: "sends the media of an earlier session to new connections for 65 s",
			Config: raw(rawserver.Faults{OldMedia: 65 * time.Second})},
		{Name: "mute-keepalive", What: "does not answer keep-alives, and ends a session after 60 s without one",
			Config: raw(rawserver.Faults{MuteKeepAlive: true, Timeout: time.Minute, AliveBy: rawserver.AliveByRequest})},
		{Name: "keepalive-405", What: "answers keep-alives with 405, and ends a session after 60 s without one",
			Config: raw(rawserver.Faults{KeepAliveStatus: 405, Timeout: time.Minute, AliveBy: rawserver.AliveByRequest})},
		{Name: "short-timeout", What: "ends a session after 20 s without a request",
			Config: raw(rawserver.Faults{Timeout: 20 * time.Second, AliveBy: rawserver.AliveByRequest})},
		{Name: "report-timeout", What: "ends a session after 60 s without an RTCP receiver report",
			Config: raw(rawserver.Faults{Timeout: time.Minute, AliveBy: rawserver.AliveByReport})},
		{Name: "zombie", What: "answers everything and sends no media", Expect: "no video packet arrives",
			Config: raw(rawserver.Faults{Zombie: true})},
		{Name: "falls-silent", What: "answers everything and falls silent after 4 s", Expect: "no video packet arrives",
			Config: Config{Faults: Faults{MuteAfter: 100}}},
		{Name: "one-session", What: "serves one reader at a time", Config: Config{Faults: Faults{OneSession: true}}},
		{Name: "night-reboot", What: "goes off after 30 s for 90 s",
			Config: Config{Faults: Faults{RebootAfter: 30 * time.Second, RebootFor: 90 * time.Second}}},
	}
}
