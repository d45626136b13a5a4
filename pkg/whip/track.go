package whip

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// localTrack is one track of a session.
type localTrack struct {
	index   int
	kind    string
	ssrc    uint32
	rtxSSRC uint32 // 0 for audio

	// Set from the answer, before anything is sent.
	chosen offeredCodec
	route  *route
	pacer  *pacer // nil for audio, and without pacing

	// mu is held while a packet is made and sent, so that what the network gets is in
	// the order of the history. It is taken before the socket's own lock.
	mu      sync.Mutex
	line    sentLine
	history *history
	header  header
	rtxNext uint16        // sequence number
	keys    *srtp.Context // nil until there are any
	tag     int           // bytes that encryption adds
	parsed  rtp.Header    // for the SRTP library; here, so that none is allocated
	scratch []byte        // a packet that is not kept
	sealed  []byte        // one that does not leave by a batch

	packetsSent   atomic.Uint64
	bytesSent     atomic.Uint64
	nacked        atomic.Uint64
	retransmitted atomic.Uint64
	pli           atomic.Uint64
	fir           atomic.Uint64
	remote        atomic.Pointer[remoteReport]
	requested     atomic.Int64 // by TMMBR, bits a second; 0 for nothing

	breaker breaker

	budget  budget // for retransmissions; used by the RTCP goroutine alone, as are these
	firSeq  uint8  // of the last FIR; used by the RTCP goroutine alone
	firSeen bool
}

// remoteReport is what the newest reception report says.
type remoteReport struct {
	fractionLost float64
	lost         int64
	jitter       time.Duration
	at           time.Time
}

func newLocalTrack(index int, kind string) *localTrack {
	t := &localTrack{index: index, kind: kind, ssrc: newSSRC(), route: &route{}}
	t.rtxNext = uint16(rand.Uint32()) // where it begins is no secret
	if kind == Audio {
		t.history = newAudioHistory()
		return t
	}
	t.history = newVideoHistory()
	t.rtxSSRC = newSSRC()
	return t
}

// agree takes what the answer chose.
func (t *localTrack) agree(chosen offeredCodec) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.chosen = chosen
	t.line.clock.rate = uint32(chosen.ClockRate) // from a table
	t.header.prepare(chosen.extras)
}

// encrypt takes the keys. Each track has a context of its own, for its two streams.
func (t *localTrack) encrypt(keys *srtp.Config) error {
	context, err := outgoing(keys)
	if err != nil {
		return err
	}
	aead, err := keys.Profile.AEADAuthTagLen()
	if err != nil {
		return err
	}
	tag, err := keys.Profile.AuthTagRTPLen()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys, t.tag = context, aead+tag
	return nil
}

// fields are those of a packet on the track's own stream.
func (t *localTrack) fields(seq uint16, timestamp uint32, marker bool) fields {
	return fields{marker: marker, payloadType: t.chosen.payloadType, seq: seq, timestamp: timestamp, ssrc: t.ssrc}
}

// write sends a packet of the caller's, or has the pacer do so. The header's SSRC and
// payload type are filled in.
func (t *localTrack) write(h *rtp.Header, payload []byte) error {
	t.mu.Lock()
	now := t.line.at
	if now.IsZero() || h.Timestamp != t.line.timestamp {
		now = time.Now() // one look at the clock for each access unit
		t.line.observe(h.Timestamp, now)
	}
	if t.pacer != nil {
		t.mu.Unlock()
		t.pacer.write(h, payload, time.Now())
		return nil
	}
	defer t.mu.Unlock()
	return t.depart(h, payload, now)
}

// depart keeps a packet of the caller's and sends it for the first time; mu is held.
func (t *localTrack) depart(h *rtp.Header, payload []byte, now time.Time) error {
	h.SSRC, h.PayloadType = t.ssrc, t.chosen.payloadType
	t.line.count(len(payload))
	t.packetsSent.Add(1)
	t.bytesSent.Add(uint64(rtpHeaderSize + len(payload)))
	f := t.fields(h.SequenceNumber, h.Timestamp, h.Marker)
	plain := t.history.room(kept{f.seq, f.timestamp, f.marker, t.header.size(0)}, t.header.size(len(payload)), now)
	if plain == nil {
		return t.transmit(f, nil, payload) // too large to be kept
	}
	t.header.put(plain, f)
	copy(plain[t.header.size(0):], payload)
	return t.send(plain)
}

func (t *localTrack) sent() sentCount {
	return sentCount{t.packetsSent.Load(), t.bytesSent.Load()}
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
		defer t.mu.Unlock()
		_ = t.depart(h, payload, time.Now()) // fails only when the session ends
	}
	t.pacer = newPacer(cfg, t.packetOverhead(), send, t.resend, flush)
}

// resend answers one entry of a NACK. Without RTX it sends on the packet's own SSRC
// and with its own sequence number, as wants everyone who does not do that. It
// returns the size of the payload, 0 if nothing was sent.
func (t *localTrack) resend(seq uint16) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.history.get(seq, time.Now())
	if !ok {
		return 0
	}
	if err := t.retransmit(p); err != nil {
		return 0
	}
	t.retransmitted.Add(1)
	t.bytesSent.Add(uint64(rtpHeaderSize + len(p.payload)))
	return len(p.payload)
}
