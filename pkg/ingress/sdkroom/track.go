package sdkroom

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// outTrack is a webrtc.TrackLocal that passes on packets as they are. The SDK binds
// it again, to another peer connection, when it has had to join anew.
type outTrack struct {
	id     string
	codec  webrtc.RTPCodecCapability
	kind   webrtc.RTPCodecType
	source atomic.Pointer[binding]

	mu     sync.Mutex
	header rtp.Header // of the packet being sent; here so that none is allocated

	packets, bytes atomic.Uint64
}

// binding is where packets go.
type binding struct {
	id          string
	ssrc        uint32
	payloadType uint8
	codec       webrtc.RTPCodecCapability
	out         webrtc.TrackLocalWriter
}

func (t *outTrack) ID() string                       { return t.id }
func (t *outTrack) RID() string                      { return "" }
func (t *outTrack) StreamID() string                 { return "camera" }
func (t *outTrack) Kind() webrtc.RTPCodecType        { return t.kind }
func (t *outTrack) Codec() webrtc.RTPCodecCapability { return t.codec }

// Bind takes the first codec of ours that was agreed.
func (t *outTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, p := range c.CodecParameters() {
		if !strings.EqualFold(p.MimeType, t.codec.MimeType) {
			continue
		}
		t.source.Store(&binding{
			id: c.ID(), ssrc: uint32(c.SSRC()), payloadType: uint8(p.PayloadType), codec: p.RTPCodecCapability, out: c.WriteStream(),
		})
		return p, nil
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("LiveKit takes no %s", t.codec.MimeType)
}

// Unbind forgets a peer connection, if it is the one in use.
func (t *outTrack) Unbind(c webrtc.TrackLocalContext) error {
	if b := t.source.Load(); b != nil && b.id == c.ID() {
		t.source.CompareAndSwap(b, nil)
	}
	return nil
}

// ssrc is 0 while the track is not bound.
func (t *outTrack) ssrc() uint32 {
	if b := t.source.Load(); b != nil {
		return b.ssrc
	}
	return 0
}

// write sends one packet. While the SDK looks for its connection packets are lost, as
// on any network.
func (t *outTrack) write(h *rtp.Header, payload []byte) {
	b := t.source.Load()
	if b == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	extensions := t.header.Extensions[:0]
	t.header = *h
	t.header.Version, t.header.SSRC, t.header.PayloadType = 2, b.ssrc, b.payloadType
	t.header.Extension, t.header.ExtensionProfile, t.header.Extensions = false, 0, extensions
	if _, err := b.out.WriteRTP(&t.header, payload); err != nil {
		return
	}
	t.packets.Add(1)
	t.bytes.Add(uint64(len(payload)))
}
