package camsim

import (
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
)

// packing are cameras that put their pictures into packets in odd ways.
func packing() []Personality {
	return []Personality{
		{Name: "jumbo-nal", What: "sends RTP packets of up to 60 kB over TCP",
			Config: Config{Clip: "1080p-high", Faults: Faults{Jumbo: true}}},
		{Name: "junk-bytes", What: "writes empty lines and noise between interleaved frames",
			Config: raw(rawserver.Faults{Junk: rawserver.JunkNoise})},
		{Name: "junk-dollars", What: "writes noise between interleaved frames that looks like a frame's beginning",
			Config: raw(rawserver.Faults{Junk: rawserver.JunkDollars})},
		{Name: "stray-frames", What: "sends frames on channels that nobody set up, and of unknown payload types",
			Config: raw(rawserver.Faults{Strays: true})},
		{Name: "marker-on-sps", What: "sets the marker on parameter sets too", Config: Config{Faults: Faults{MarkerOnSPS: true}}},
		{Name: "marker-on-sei", What: "sets the marker on SEI too", Config: Config{Faults: Faults{SEI: true, MarkerOnSPS: true}}},
		{Name: "no-marker", What: "never sets the marker", Config: Config{Faults: Faults{NoMarker: true}}},
		{Name: "annexb-in-rtp", What: "puts start codes into RTP payloads", Config: Config{Faults: Faults{AnnexB: true}}},
		{Name: "lone-fua", What: "sends whole NAL units as one FU-A with S and E", Config: Config{Faults: Faults{LoneFU: true}}},
		{Name: "sei-flood", What: "sends a delimiter, SEI and filler with every picture",
			Config: Config{Faults: Faults{AUD: true, SEI: true, Filler: true}}},
		{Name: "sei-only-au", What: "sends access units of SEI alone between all pictures",
			Config: Config{Faults: Faults{SEIUnits: true}}},
		{Name: "lossy", What: "loses one video packet in a hundred", Config: Config{Faults: Faults{DropEvery: 100}}},
	}
}

// numbering are cameras whose sequence numbers, timestamps and clocks are odd.
func numbering() []Personality {
	return []Personality{
		{Name: "ts-reset", What: "starts its timestamps at zero with every session, and again every 10 s",
			Config: Config{Audio: "pcma", Faults: Faults{ZeroStart: true, Raw: rawserver.Faults{TimestampReset: 10 * time.Second}}}},
		{Name: "ts-hours-off", What: "stamps one access unit in 50 three hours ahead",
			Config: raw(rawserver.Faults{HoursOff: 50})},
		{Name: "clock-step", What: "has a clock that steps by two hours from one sender report to the next",
			Config: Config{Audio: "pcma", Faults: Faults{Raw: rawserver.Faults{Clock: rawserver.ClockSteps}}}},
		{Name: "no-reports", What: "sends no sender reports",
			Config: Config{Audio: "pcma", Faults: Faults{Raw: rawserver.Faults{Clock: rawserver.ClockAbsent}}}},
		{Name: "slow-video", What: "needs 300 ms longer for a picture than for a sound, as its sender reports say",
			Config: Config{Audio: "pcma", Faults: Faults{Raw: rawserver.Faults{SlowVideo: 300 * time.Millisecond}}}},
		{Name: "bad-rtcp", What: "sends RTCP that cannot be parsed", Config: raw(rawserver.Faults{BadRTCP: true})},
		{Name: "ssrc-per-gop", What: "takes a new SSRC with every key frame", Config: raw(rawserver.Faults{SSRCPerKeyFrame: true})},
		{Name: "seq-jumps", What: "jumps by 5000 in its sequence numbers with every key frame", Config: raw(rawserver.Faults{SeqJumps: true})},
		{Name: "opus-jitter", What: "stamps its Opus packets up to 15 ms off",
			Config: Config{Audio: "opus", Faults: Faults{AudioJitter: true}}},
	}
}

// encoding are cameras whose pictures are odd, or whose sound.
func encoding() []Personality {
	return []Personality{
		{Name: "b-frames", What: "sends B pictures", Expect: "B-frames", Config: Config{Clip: "360p-bframes"}},
		{Name: "b-pyramid", What: "sends B pictures to which others refer", Expect: "B-frames", Config: Config{Clip: "360p-pyramid"}},
		{Name: "intra-refresh", What: "refreshes its picture bit by bit and sends no IDR", Expect: "key frames (IDR)",
			Config: Config{Clip: "360p-refresh", Faults: Faults{NoIDR: true}}},
		{Name: "long-gop", What: "sends an IDR every 12 s, and none when asked", Config: Config{Clip: "360p-longgop"}},
		{Name: "long-gop-pli", What: "sends an IDR every 12 s, and when asked by PLI or FIR",
			Config: Config{Clip: "360p-longgop", Faults: Faults{HonourPLI: true}}},
		{Name: "long-gop-renew", What: "sends an IDR every 12 s, and when asked by SET_PARAMETER with Renew-Stream: yes",
			Config: Config{Clip: "360p-longgop", Path: "/axis-media/media.amp", Faults: Faults{Raw: rawserver.Faults{RenewStream: true}}}},
		{Name: "long-gop-isapi", What: "sends an IDR every 12 s, and when asked through Hikvision's ISAPI",
			Config: locked(Config{Clip: "360p-longgop", Path: "/Streaming/Channels/101", Web: Web{ISAPI: true}})},
		{Name: "long-gop-sunapi", What: "sends an IDR every 12 s, and when asked through Hanwha's SUNAPI",
			Config: locked(Config{Clip: "360p-longgop", Path: "/profile2/media.smp", Web: Web{SUNAPI: true, SHA256: true}})},
		{Name: "long-gop-onvif", What: "sends an IDR every 12 s, and when asked by ONVIF's SetSynchronizationPoint; its clock is 3 h slow",
			Config: locked(Config{Clip: "360p-longgop", Web: Web{ONVIF: true, Clock: -3 * time.Hour}})},
		{Name: "long-gop-onvif-old", What: "the same with ONVIF's first media service, and HTTP Digest in place of a UsernameToken",
			Config: locked(Config{Clip: "360p-longgop", Web: Web{ONVIF: true, MediaOnly: true, HTTPDigest: true}})},
		{Name: "long-gop-second-session", What: "sends an IDR every 12 s, and to all sessions when another begins",
			Config: Config{Clip: "360p-longgop", Faults: Faults{IDRForEach: true}}},
		{Name: "long-gop-one-reader", What: "sends an IDR every 12 s, none when asked, and gives up its reader for the next one",
			Config: Config{Clip: "360p-longgop", Faults: Faults{KicksFirst: true}}},
		{Name: "long-gop-deaf", What: "sends an IDR every 12 s, none when asked in whatever way, and refuses the account everywhere but in RTSP",
			Config: locked(Config{Clip: "360p-longgop", Path: "/Streaming/Channels/101",
				Faults: Faults{OneSession: true}, Web: Web{ONVIF: true, ISAPI: true, Refuses: true}})},
		{Name: "monster-idr", What: "sends IDR pictures of 1.5 MB and others of 2 kB",
			Config: Config{Clip: "360p-main", Transport: TCPOnly, Faults: Faults{PadIDR: 1500000}}},
		{Name: "res-switch", What: "changes from 640x360 to 1280x720 and back every 4 s", Config: Config{Clip: "360p-main+720p-main"}},
		{Name: "multi-slice", What: "sends four slices a picture", Config: Config{Clip: "360p-slices"}},
		{Name: "multi-pps", What: "uses two picture parameter sets in turn", Config: Config{Faults: Faults{TwoPPS: true}}},
		{Name: "pcma", What: "has G.711 A-law beside the video", Config: Config{Audio: "pcma"}},
		{Name: "pcmu", What: "has G.711 mu-law beside the video", Config: Config{Audio: "pcmu"}},
		{Name: "opus", What: "has Opus beside the video", Config: Config{Audio: "opus"}},
		{Name: "aac-16k", What: "has AAC beside the video", Config: Config{Audio: "aac"}},
		{Name: "silent-audio", What: "announces audio and sends none", Config: Config{Audio: "pcma", Faults: Faults{SilentAudio: true}}},
	}
}

// offering are cameras with several streams or tracks.
func offering() []Personality {
	return []Personality{
		{Name: "backchannel-first", What: "lists a back channel, metadata and a small video before the right one",
			Config: Config{Clip: "720p-main", Audio: "pcma", Faults: Faults{Raw: rawserver.Faults{
				BackChannelFirst: true, Metadata: true, SecondClip: "360p-main",
			}}}},
		{Name: "all-sendonly", What: "marks every track as sendonly, as seen from itself",
			Config: Config{Audio: "pcma", Faults: Faults{Raw: rawserver.Faults{AllSendOnly: true}}}},
		{Name: "hevc", What: "sends H.265 and nothing else", Expect: "H265", Config: Config{Clip: "h265"}},
		{Name: "hevc-main", What: "sends H.265, and H.264 on another path",
			Config: Config{Clip: "h265", Faults: Faults{Raw: rawserver.Faults{SubClip: "360p-baseline"}}}},
		{Name: "narrow-uplink", What: "does nothing wrong, but its stream of 8 Mb/s has a way of 2 Mb/s to the server; a small one is on another path", Link: 2e6,
			Config: Config{Clip: "1080p-high", Faults: Faults{PadAll: 40000, Raw: rawserver.Faults{SubClip: "360p-baseline"}}}},
	}
}
