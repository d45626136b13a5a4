package viewer

import (
	"strings"
	"sync"

	"github.com/pion/webrtc/v4"
)

// outgoing is the end of a track towards one player. It implements webrtc.TrackLocal.
type outgoing struct {
	kind  webrtc.RTPCodecType
	codec webrtc.RTPCodecCapability

	mu     sync.Mutex
	writer webrtc.TrackLocalWriter // nil unless bound
	ssrc   uint32
	pt     uint8
}

// Bind picks the payload type to send under among those that the viewer
// takes: the stream's own profile where it is listed, else any of its codec
// with packetization-mode 1. Decoders go by the SPS in the stream.
func (o *outgoing) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, ok := chooseCodec(o.codec, ctx.CodecParameters())
	if !ok {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writer, o.ssrc, o.pt = ctx.WriteStream(), uint32(ctx.SSRC()), uint8(codec.PayloadType)
	return codec, nil
}

// Unbind stops it.
func (o *outgoing) Unbind(webrtc.TrackLocalContext) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writer = nil
	return nil
}

// ID is the track's part of the msid.
func (o *outgoing) ID() string { return o.kind.String() }

// RID is empty: there is one layer.
func (o *outgoing) RID() string { return "" }

// StreamID is the same for sound and picture, so that players keep them in step.
func (o *outgoing) StreamID() string { return "rtsp2whip" }

// Kind is audio or video.
func (o *outgoing) Kind() webrtc.RTPCodecType { return o.kind }

func chooseCodec(want webrtc.RTPCodecCapability, have []webrtc.RTPCodecParameters) (webrtc.RTPCodecParameters, bool) {
	best, bestScore := webrtc.RTPCodecParameters{}, 0
	profile := fmtpValue(want.SDPFmtpLine, "profile-level-id")
	for _, c := range have {
		if !strings.EqualFold(c.MimeType, want.MimeType) {
			continue
		}
		score := 1
		if fmtpValue(c.SDPFmtpLine, "packetization-mode") == "1" {
			score += 4
		}
		if got := fmtpValue(c.SDPFmtpLine, "profile-level-id"); len(got) >= 4 && len(profile) >= 4 &&
			strings.EqualFold(got[:4], profile[:4]) {
			score += 2
		}
		if score > bestScore {
			best, bestScore = c, score
		}
	}
	return best, bestScore > 0
}

// fmtpValue returns one parameter of an a=fmtp line, "" if it has none.
func fmtpValue(line, key string) string {
	for part := range strings.SplitSeq(line, ";") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if ok && strings.EqualFold(k, key) {
			return v
		}
	}
	return ""
}
