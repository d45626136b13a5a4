package whip

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// localTrack is a track as the WebRTC library sees it. The library's own
// TrackLocalStaticRTP copies each packet's header; this one writes straight on.
type localTrack struct {
	index    int
	kind     string
	id       string
	streamID string
	chosen   offeredCodec // set before the answer is applied

	// Set by Bind, which ends before the session is handed out.
	ssrc     uint32
	rtxSSRC  uint32 // 0 without RTX
	writer   webrtc.TrackLocalWriter
	extended extended
	rtx      rtxLine

	mu      sync.Mutex
	line    sentLine
	history *history

	packetsSent   atomic.Uint64
	bytesSent     atomic.Uint64
	nacked        atomic.Uint64
	retransmitted atomic.Uint64
	pli           atomic.Uint64
	fir           atomic.Uint64
	remote        atomic.Pointer[remoteReport]

	firSeq  uint8 // of the last FIR; used by the RTCP goroutine alone
	firSeen bool
}

// remoteReport is what the newest reception report says.
type remoteReport struct {
	fractionLost float64
	lost         int64
	jitter       time.Duration
	at           time.Time
}

var _ webrtc.TrackLocal = (*localTrack)(nil)

func newLocalTrack(index int, kind, streamID string) *localTrack {
	t := &localTrack{index: index, kind: kind, id: kind, streamID: streamID, rtx: newRTXLine()}
	if kind == Audio {
		t.history = newAudioHistory()
	} else {
		t.history = newVideoHistory()
	}
	return t
}

// Bind is called once, when the answer is applied.
func (t *localTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, p := range ctx.CodecParameters() {
		if uint8(p.PayloadType) == t.chosen.payloadType {
			t.ssrc, t.rtxSSRC = uint32(ctx.SSRC()), uint32(ctx.SSRCRetransmission())
			t.extended.prepare(t.chosen.extras)
			t.writer = ctx.WriteStream()
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("payload type %d: %w", t.chosen.payloadType, webrtc.ErrUnsupportedCodec)
}

// Unbind is called when the track is stopped. Late packets end in the library,
// which refuses them.
func (t *localTrack) Unbind(webrtc.TrackLocalContext) error { return nil }

// ID is the second part of a=msid.
func (t *localTrack) ID() string { return t.id }

// RID is empty: no simulcast.
func (t *localTrack) RID() string { return "" }

// StreamID is the first part of a=msid, and the CNAME.
func (t *localTrack) StreamID() string { return t.streamID }

// Kind is audio or video.
func (t *localTrack) Kind() webrtc.RTPCodecType { return rtpKind(t.kind) }

// write sends a packet of the caller's. The header's SSRC and payload type are
// filled in.
func (t *localTrack) write(h *rtp.Header, payload []byte) error {
	h.SSRC = t.ssrc
	h.PayloadType = t.chosen.payloadType
	now := time.Now()
	t.mu.Lock()
	t.line.count(h.Timestamp, len(payload), now)
	t.history.put(h.SequenceNumber, h.Timestamp, h.Marker, payload, now)
	t.mu.Unlock()
	t.packetsSent.Add(1)
	t.bytesSent.Add(uint64(rtpHeaderSize + len(payload)))
	return t.transmit(h, payload)
}

const rtpHeaderSize = 12

// resend answers one entry of a NACK. It sends on the packet's own SSRC and with
// its own sequence number, as wants everyone who does not do RTX.
func (t *localTrack) resend(seq uint16, buf []byte) []byte {
	t.mu.Lock()
	p, ok := t.history.get(seq, time.Now(), buf[:0])
	t.mu.Unlock()
	if !ok {
		return buf
	}
	h := rtp.Header{
		Version: 2, Marker: p.marker, PayloadType: t.chosen.payloadType,
		SequenceNumber: p.seq, Timestamp: p.timestamp, SSRC: t.ssrc,
	}
	if err := t.retransmit(&h, p.payload); err == nil {
		t.retransmitted.Add(1)
		t.bytesSent.Add(uint64(rtpHeaderSize + len(p.payload)))
	}
	return p.payload
}
