package site

import (
	"maps"
	"time"
)

// Default returns what a file that says nothing means.
func Default() Config {
	return Config{
		LiveKit:  LiveKit{Via: ViaIngress, Poll: Duration(2 * time.Second)},
		Defaults: DefaultCamera(),
		Network:  Network{ICETCP: true},
		Admin:    Admin{Listen: "127.0.0.1:9920", Preview: true},
		Log:      Log{Level: LevelInfo, Format: FormatText},
	}
}

// DefaultCamera returns a camera of which nothing is said.
func DefaultCamera() Camera {
	return Camera{
		Enabled:   true,
		Publish:   PublishAlways,
		OnDemand:  OnDemandWarm,
		Linger:    Duration(30 * time.Second),
		Transport: TransportAuto,
		Audio:     AudioAuto,
		Hold:      Duration(15 * time.Second),
		Stall:     Duration(5 * time.Second),
		SEI:       SEIDrop,
		OnLoss:    OnLossFreeze,
		BFrames:   BFramesRefuse,
		Codec:     CodecH264,
		KeyFrame:  KeyFrameAuto,
	}
}

func (c Camera) clone() Camera {
	if c.WHIP != nil {
		whip := *c.WHIP
		c.WHIP = &whip
	}
	if c.RoomToken != nil {
		token := *c.RoomToken
		c.RoomToken = &token
	}
	c.Attributes = maps.Clone(c.Attributes)
	return c
}
