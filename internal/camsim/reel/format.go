package reel

import (
	"github.com/bluenviron/gortsplib/v5/pkg/format"
)

// VideoFormat describes a film as SDP needs it, parameter sets included.
func VideoFormat(f *Film) format.Format {
	sets := f.Video.ParameterSets
	if f.Video.Codec == "H265" {
		return &format.H265{PayloadTyp: VideoPayloadType, VPS: sets[0], SPS: sets[1], PPS: sets[2]}
	}
	return &format.H264{PayloadTyp: VideoPayloadType, PacketizationMode: 1, SPS: sets[0], PPS: sets[1]}
}

// AudioFormat describes a track as SDP needs it.
func AudioFormat(t *Track) format.Format {
	switch s := t.Sound; s.Name {
	case "opus":
		return &format.Opus{PayloadTyp: t.PayloadType, ChannelCount: s.Channels}
	case "aac":
		return &format.MPEG4Audio{
			PayloadTyp: t.PayloadType, Config: s.Config,
			SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		}
	default:
		return &format.G711{
			PayloadTyp: t.PayloadType, MULaw: s.Name == "pcmu",
			SampleRate: s.ClockRate, ChannelCount: s.Channels,
		}
	}
}
