package site

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Via is the way into the room.
type Via string

// The ways. ViaWHIP is what a camera with a whip block has; it cannot be given.
const (
	ViaIngress Via = "ingress" // LiveKit Ingress
	ViaServer  Via = "server"  // livekit-server's own WHIP endpoint
	ViaSDK     Via = "sdk"     // as LiveKit's own clients do
	ViaWHIP    Via = "whip"
)

// Publish says when a camera is in its room.
type Publish string

// Always, or only while there is a viewer.
const (
	PublishAlways   Publish = "always"
	PublishOnDemand Publish = "on_demand"
)

// OnDemand says what becomes of the camera's RTSP session while nobody watches.
type OnDemand string

// Warm keeps it, cold closes it.
const (
	OnDemandWarm OnDemand = "warm"
	OnDemandCold OnDemand = "cold"
)

// Transport is the way in which RTP comes from the camera.
type Transport string

// The transports. Auto is TCP, then UDP.
const (
	TransportAuto      Transport = "auto"
	TransportTCP       Transport = "tcp"
	TransportUDP       Transport = "udp"
	TransportMulticast Transport = "multicast"
)

// Audio says whether a camera's sound is published.
type Audio string

// Auto publishes what the target can take.
const (
	AudioAuto Audio = "auto"
	AudioOff  Audio = "off"
)

// SEI says what becomes of SEI NAL units.
type SEI string

// Drop saves bytes; Pass keeps time codes and such.
const (
	SEIDrop SEI = "drop"
	SEIPass SEI = "pass"
)

// OnLoss says what follows a reference picture lost between camera and here.
type OnLoss string

// Freeze sends nothing until the next IDR; Pass sends damaged pictures.
const (
	OnLossFreeze OnLoss = "freeze"
	OnLossPass   OnLoss = "pass"
)

// BFrames says what becomes of a camera that sends B-frames.
type BFrames string

// Refuse does not publish it; Drop leaves them out where that is legal.
const (
	BFramesRefuse BFrames = "refuse"
	BFramesDrop   BFrames = "drop"
)

// Codec is the codec of a camera's video.
type Codec string

// Every WebRTC receiver takes H.264, few take H.265.
const (
	CodecH264 Codec = "h264"
	CodecH265 Codec = "h265"
)

// KeyFrame is the way in which a camera is asked for key frames.
type KeyFrame string

// The ways; package keyframe tells more of them.
const (
	KeyFrameAuto    KeyFrame = "auto"
	KeyFrameOff     KeyFrame = "off"
	KeyFrameRTCP    KeyFrame = "rtcp"
	KeyFrameAxis    KeyFrame = "axis"
	KeyFrameISAPI   KeyFrame = "isapi"
	KeyFrameSUNAPI  KeyFrame = "sunapi"
	KeyFrameONVIF   KeyFrame = "onvif"
	KeyFrameSession KeyFrame = "session"
)

// Level is the least severe level that is logged.
type Level string

// The levels.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Format is the form of a log line.
type Format string

// The formats.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)

// UnmarshalText takes "ingress", "server" or "sdk".
func (v *Via) UnmarshalText(text []byte) error {
	return choose(v, text, ViaIngress, ViaServer, ViaSDK)
}

// UnmarshalText takes "always" or "on_demand".
func (p *Publish) UnmarshalText(text []byte) error {
	return choose(p, text, PublishAlways, PublishOnDemand)
}

// UnmarshalText takes "warm" or "cold".
func (o *OnDemand) UnmarshalText(text []byte) error {
	return choose(o, text, OnDemandWarm, OnDemandCold)
}

// UnmarshalText takes one of the transports.
func (t *Transport) UnmarshalText(text []byte) error {
	return choose(t, text, TransportAuto, TransportTCP, TransportUDP, TransportMulticast)
}

// UnmarshalText takes "auto" or "off".
func (a *Audio) UnmarshalText(text []byte) error { return choose(a, text, AudioAuto, AudioOff) }

// UnmarshalText takes "drop" or "pass".
func (s *SEI) UnmarshalText(text []byte) error { return choose(s, text, SEIDrop, SEIPass) }

// UnmarshalText takes "freeze" or "pass".
func (o *OnLoss) UnmarshalText(text []byte) error { return choose(o, text, OnLossFreeze, OnLossPass) }

// UnmarshalText takes "refuse" or "drop".
func (b *BFrames) UnmarshalText(text []byte) error {
	return choose(b, text, BFramesRefuse, BFramesDrop)
}

// UnmarshalText takes "h264" or "h265".
func (c *Codec) UnmarshalText(text []byte) error { return choose(c, text, CodecH264, CodecH265) }

// UnmarshalText takes one of the ways.
func (k *KeyFrame) UnmarshalText(text []byte) error {
	return choose(k, text, KeyFrameAuto, KeyFrameOff, KeyFrameRTCP, KeyFrameAxis, KeyFrameISAPI, KeyFrameSUNAPI, KeyFrameONVIF, KeyFrameSession)
}

// UnmarshalText takes one of the levels.
func (l *Level) UnmarshalText(text []byte) error {
	return choose(l, text, LevelDebug, LevelInfo, LevelWarn, LevelError)
}

// UnmarshalText takes "text" or "json".
func (f *Format) UnmarshalText(text []byte) error { return choose(f, text, FormatText, FormatJSON) }

func choose[T ~string](to *T, text []byte, from ...T) error {
	if slices.Contains(from, T(text)) {
		*to = T(text)
		return nil
	}
	names := make([]string, len(from))
	for i, f := range from {
		names[i] = string(f)
	}
	last := len(names) - 1
	return fmt.Errorf("%s: must be %s or %s%s", quoted(string(text)), strings.Join(names[:last], ", "), names[last],
		didYouMean(string(text), names))
}

// Duration is a time.Duration that reads and prints as "1m30s".
type Duration time.Duration

// UnmarshalText takes what time.ParseDuration takes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		if _, err := strconv.ParseFloat(string(text), 64); err == nil {
			return fmt.Errorf("%s: needs a unit, as in %ss", quoted(string(text)), text)
		}
		return fmt.Errorf("%s: not a duration, such as 500ms, 15s or 2m", quoted(string(text)))
	}
	*d = Duration(v)
	return nil
}

// Std returns the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String drops the zero units that time.Duration prints ("2m0s").
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText is the counterpart of UnmarshalText.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// PortRange is an inclusive range of ports; the zero value means any port.
type PortRange struct {
	First, Last uint16
}

// UnmarshalText takes "40000-40200", or "" for any port.
func (r *PortRange) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = PortRange{}
		return nil
	}
	from, to, ok := strings.Cut(string(text), "-")
	first, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	last, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	switch {
	case !ok || err1 != nil || err2 != nil:
		return fmt.Errorf("%s: not a range of ports, such as 40000-40200", quoted(string(text)))
	case first > last:
		return fmt.Errorf("%s: the first port is above the last one", quoted(string(text)))
	case first < 1024:
		return fmt.Errorf("%s: ports below 1024 belong to the system", quoted(string(text)))
	}
	*r = PortRange{First: uint16(first), Last: uint16(last)}
	return nil
}

// Size returns the number of ports, 0 if any will do.
func (r PortRange) Size() int {
	if r == (PortRange{}) {
		return 0
	}
	return int(r.Last) - int(r.First) + 1
}

// String is "" for any port.
func (r PortRange) String() string {
	if r == (PortRange{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// MarshalText is the counterpart of UnmarshalText.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
