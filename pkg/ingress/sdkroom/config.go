package sdkroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

// Codec names, as in the rtpmap attribute of SDP.
const (
	H264 = "H264"
	Opus = "opus"
	PCMA = "PCMA"
	PCMU = "PCMU"
)

// DefaultGrace is how long the SDK may try to get a lost connection back.
const DefaultGrace = 15 * time.Second

// Config says where to publish, and as whom: the token names room and identity.
type Config struct {
	URL   string // of LiveKit: ws, wss, http or https
	Token func(context.Context) (string, error)
	// RelayOnly sends media through a TURN server or not at all.
	RelayOnly bool
	// Grace bounds the search for a lost connection; 0 means DefaultGrace.
	Grace time.Duration
	// OnKeyFrameRequest is told when LiveKit asks for a key frame. It must not block.
	OnKeyFrameRequest func()
	Logger            *slog.Logger // nil discards what there is to say
}

// Track is one stream to publish.
type Track struct {
	// Codec is H264, opus, PCMA or PCMU.
	Codec string
	// ProfileLevelID of H264 is the stream's own: three bytes in hex.
	ProfileLevelID string
	Width, Height  int // of H264, in pixels; 0 if unknown
}

func (t Track) video() bool { return t.Codec == H264 }

// The two forms of H.264 that every LiveKit server lists. Its SDK knows no others: what
// is between them goes by the first, as servers forward it without a look.
const (
	baseline = "42e01f"
	high     = "640032"
)

// offered is a codec as it goes into the offer.
func (t Track) offered() (webrtc.RTPCodecCapability, error) {
	switch t.Codec {
	case H264:
		id := baseline
		if strings.HasPrefix(t.ProfileLevelID, high[:2]) {
			id = high
		}
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + id}, nil
	case Opus:
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, nil
	case PCMA:
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA}, nil
	case PCMU:
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU}, nil
	}
	return webrtc.RTPCodecCapability{}, fmt.Errorf("codec %q is none of this package", t.Codec)
}

// check looks at what Publish was given.
func (c *Config) check(tracks []Track) error {
	switch {
	case c.URL == "":
		return errors.New("no URL")
	case c.Token == nil:
		return errors.New("no token")
	case len(tracks) == 0 || len(tracks) > 2 || len(tracks) == 2 && tracks[0].video() == tracks[1].video():
		return errors.New("one video track, one audio track, or one of each")
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	if c.OnKeyFrameRequest == nil {
		c.OnKeyFrameRequest = func() {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
