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
	pacer    *pacer // nil for audio, and without pacing

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

// write sends a packet of the caller's, or has the pacer do so. The header's SSRC and
// payload type are filled in.
func (t *localTrack) write(h *rtp.Header, payload []byte) error {
	now := time.Now()
	t.mu.Lock()
	t.line.observe(h.Timestamp, now)
	if t.pacer != nil {
		t.mu.Unlock()
		t.pacer.write(h, payload, now)
		return nil
	}
	t.keep(h, payload, now)
	t.mu.Unlock()
	return t.depart(h, payload)
}

// keep notes a packet that is about to be sent; mu is held.
func (t *localTrack) keep(h *rtp.Header, payload []byte, now time.Time) {
	t.line.count(len(payload))
	t.history.put(h.SequenceNumber, h.Timestamp, h.Marker, payload, now)
}

// depart sends a packet of the caller's for the first time.
func (t *localTrack) depart(h *rtp.Header, payload []byte) error {
	h.SSRC = t.ssrc
	h.PayloadType = t.chosen.payloadType
	t.packetsSent.Add(1)
	t.bytesSent.Add(uint64(rtpHeaderSize + len(payload)))
	return t.transmit(h, payload)
}

const rtpHeaderSize = 12

// packetOverhead is what a packet takes beside its payload on a path over UDP and
// IPv4: their headers, RTP's with extensions, and the tag of SRTP.
func (t *localTrack) packetOverhead() int {
	const udp, ip, tag = 8, 20, 16
	return ip + udp + rtpHeaderSize + t.chosen.extras.bytes() + tag
}

// pace has the track's packets leave by a pacer.
func (t *localTrack) pace(cfg Pacing, flush func()) {
	send := func(h *rtp.Header, payload []byte) {
		t.mu.Lock()
		t.keep(h, payload, time.Now())
		t.mu.Unlock()
		_ = t.depart(h, payload) // fails only when the session ends
	}
	var scratch []byte
	again := func(seq uint16) int {
		sent := false
		scratch, sent = t.resend(seq, scratch)
		if !sent {
			return 0
		}
		return len(scratch)
	}
	t.pacer = newPacer(cfg, t.packetOverhead(), send, again, flush)
}

// resend answers one entry of a NACK. It sends on the packet's own SSRC and with
// its own sequence number, as wants everyone who does not do RTX.
func (t *localTrack) resend(seq uint16, buf []byte) (scratch []byte, sent bool) {
	t.mu.Lock()
	p, ok := t.history.get(seq, time.Now(), buf[:0])
	t.mu.Unlock()
	if !ok {
		return buf, false
	}
	h := rtp.Header{
		Version: 2, Marker: p.marker, PayloadType: t.chosen.payloadType,
		SequenceNumber: p.seq, Timestamp: p.timestamp, SSRC: t.ssrc,
	}
	if err := t.retransmit(&h, p.payload); err != nil {
		return p.payload, false
	}
	t.retransmitted.Add(1)
	t.bytesSent.Add(uint64(rtpHeaderSize + len(p.payload)))
	return p.payload, true
}
