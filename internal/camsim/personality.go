package camsim

// Personality is a kind of camera that exists in the field, by the name under
// which tests and the demo speak of it.
type Personality struct {
	Name   string
	About  string // what is odd about it, in one sentence
	Config Config // without address and path
}

// Personalities lists all kinds. Clips, passwords and everything else in their
// configuration may be changed by whoever starts one.
func Personalities() []Personality {
	return []Personality{
		{"plain", "Baseline over TCP and UDP, without a password", Config{}},
		{"digest", "asks for a password, Digest with MD5", Config{Username: "viewer", Password: "secret"}},
		{"sha256-only", "asks for Digest with SHA-256 and nothing else",
			Config{Username: "viewer", Password: "secret", Faults: Faults{DigestSHA256: true}}},
		{"odd-password", "has a password full of URL syntax", Config{Username: "viewer", Password: "p@:/#%?& w"}},
		{"wrong-password", "refuses every password", Config{Faults: Faults{WrongPassword: true}}},
		{"bad-content-base", "doubles the scheme in Content-Base", Config{Faults: Faults{DoubleScheme: true}}},
		{"broken-sdp", "sends two s= lines and a malformed c=", Config{Faults: Faults{BrokenSDP: true}}},
		{"no-sprop", "sends parameter sets in band only", Config{Faults: Faults{NoSprop: true}}},
		{"oob-only", "sends parameter sets in the SDP only", Config{Faults: Faults{OutOfBandOnly: true}}},
		{"lying-plid", "claims Baseline 4.1 and sends Main",
			Config{Clip: "360p-main", Faults: Faults{ProfileLevelID: "420029"}}},
		{"mode0-fua", "declares packetization mode 0 and sends FU-A", Config{Faults: Faults{ModeZero: true}}},
		{"tcp-only", "has no UDP ports", Config{Transport: TCPOnly}},
		{"udp-only", "refuses interleaved media", Config{Transport: UDPOnly}},
		{"rtsps-selfsigned", "speaks TLS with a certificate of its own making", Config{TLS: true}},
		{"lossy", "loses one video packet in a hundred", Config{Faults: Faults{DropEvery: 100}}},
		{"zombie", "answers, and falls silent after 4 s", Config{Faults: Faults{MuteAfter: 100}}},
		{"one-session", "serves one reader at a time", Config{Faults: Faults{OneSession: true}}},
		{"ts-reset", "starts every timeline at zero", Config{Faults: Faults{ZeroStart: true}}},
		{"marker-on-sps", "sets the marker on parameter sets too", Config{Faults: Faults{MarkerOnSPS: true}}},
		{"marker-on-sei", "sets the marker on SEI too", Config{Faults: Faults{SEI: true, MarkerOnSPS: true}}},
		{"no-marker", "never sets the marker", Config{Faults: Faults{NoMarker: true}}},
		{"annexb-in-rtp", "puts start codes into RTP payloads", Config{Faults: Faults{AnnexB: true}}},
		{"lone-fua", "sends whole NAL units as one FU-A with S and E", Config{Faults: Faults{LoneFU: true}}},
		{"sei-flood", "sends a delimiter and SEI with every picture", Config{Faults: Faults{AUD: true, SEI: true}}},
		{"b-frames", "sends B pictures", Config{Clip: "360p-bframes"}},
		{"long-gop", "sends an IDR every 12 s, and none when asked", Config{Clip: "360p-longgop"}},
		{"pli", "sends an IDR every 12 s, and when asked", Config{Clip: "360p-longgop", Faults: Faults{HonourPLI: true}}},
		{"multi-slice", "sends four slices a picture", Config{Clip: "360p-slices"}},
		{"pcma", "has G.711 A-law beside the video", Config{Audio: "pcma"}},
		{"pcmu", "has G.711 mu-law beside the video", Config{Audio: "pcmu"}},
		{"opus", "has Opus beside the video", Config{Audio: "opus"}},
		{"aac-16k", "has AAC beside the video", Config{Audio: "aac"}},
		{"silent-audio", "announces audio and sends none", Config{Audio: "pcma", Faults: Faults{SilentAudio: true}}},
		{"hevc", "sends H.265 and nothing else", Config{Clip: "h265"}},
	}
}
