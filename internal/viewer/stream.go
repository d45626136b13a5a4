package viewer

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// keyFrameInterval is the least time between two requests for a key frame
	// to one publisher. Each one costs the camera a burst.
	keyFrameInterval = 500 * time.Millisecond

	// keyFrameRetry is how often to ask again while nothing came of it.
	keyFrameRetry = time.Second
)

// Stream is what is known of one stream at one moment. The counts go on over
// all its publishers.
type Stream struct {
	Name  string    `json:"name"`
	Live  bool      `json:"live"`  // a publisher is connected
	Since time.Time `json:"since"` // when Live last changed; zero: never published

	VideoCodec string `json:"video_codec,omitempty"` // "H264"
	AudioCodec string `json:"audio_codec,omitempty"` // "opus", "PCMU", "PCMA"
	Profile    string `json:"profile,omitempty"`     // "Main 3.1", from the SPS
	Width      int    `json:"width,omitempty"`
	Height     int    `json:"height,omitempty"`

	Packets   uint64 `json:"packets"`    // video RTP packets
	Bytes     uint64 `json:"bytes"`      // their payload
	Lost      uint64 `json:"lost"`       // video packets that never came (RFC 3550 A.3)
	Frames    uint64 `json:"frames"`     // access units
	KeyFrames uint64 `json:"key_frames"` // complete ones: SPS, PPS and every IDR packet

	AudioPackets uint64 `json:"audio_packets"`
	AudioBytes   uint64 `json:"audio_bytes"`

	KeyFrameRequests uint64    `json:"key_frame_requests"` // PLIs sent to the publisher
	LastPacket       time.Time `json:"last_packet"`
	Publishers       uint64    `json:"publishers"` // sessions so far
	Viewers          int       `json:"viewers"`

	// Problem is one sentence, "" when all is well.
	Problem string `json:"problem,omitempty"`
}

// stream joins one publisher at a time to its viewers.
type stream struct {
	name  string
	order int
	keep  bool
	log   *slog.Logger

	// viewers is copied on change, so that a packet's way takes no lock for it.
	viewers atomic.Pointer[[]*viewer]

	mu         sync.Mutex
	pub        *publisher // nil while nobody publishes
	live       bool       // pub has connected
	since      time.Time
	left       string // why the last publisher went
	publishers uint64
	held       int // publishers on their way in

	pics       pictures
	video      arrivals
	audio      arrivals
	lastPacket time.Time

	asked    time.Time // when the publisher was last asked for a key frame
	askAgain *time.Timer
	requests uint64
	stopped  bool
}

func newStream(name string, order int, keep bool, log *slog.Logger) *stream {
	st := &stream{name: name, order: order, keep: keep, log: log}
	st.viewers.Store(&[]*viewer{})
	return st
}

// arrivals counts the packets of one kind.
type arrivals struct {
	packets, bytes uint64

	started  bool
	base     uint64 // extended sequence numbers of this publisher
	highest  uint64
	received uint64
	lostOld  uint64 // by earlier publishers
}

// add counts a packet; the sequence number is extended as in RFC 3550 A.1.
func (a *arrivals) add(seq uint16, size int) {
	a.packets++
	a.bytes += uint64(size)
	a.received++
	if !a.started {
		a.started = true
		a.base = 1<<16 | uint64(seq) // room for a late first packet
		a.highest = a.base
		return
	}
	ext := a.highest + uint64(int64(int16(seq-uint16(a.highest))))
	a.highest = max(a.highest, ext)
	a.base = min(a.base, ext)
}

// lost is what RFC 3550 A.3 calls the cumulative number of packets lost.
func (a *arrivals) lost() uint64 {
	if !a.started {
		return a.lostOld
	}
	expected := a.highest - a.base + 1
	return a.lostOld + expected - min(expected, a.received)
}

func (a *arrivals) restart() {
	a.lostOld = a.lost()
	a.started, a.received = false, 0
}

// attach makes pub the publisher and returns the one that it replaces, if any.
func (st *stream) attach(pub *publisher) (old *publisher, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped {
		return nil, false
	}
	old, st.pub = st.pub, pub
	st.live, st.since, st.left = false, time.Now(), ""
	st.publishers++
	st.pics.restart()
	st.video.restart()
	st.audio.restart()
	st.asked = time.Time{}
	return old, true
}

// connected marks pub live.
func (st *stream) connected(pub *publisher) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.pub == pub {
		st.live, st.since = true, time.Now()
	}
}

// detach ends the time of pub, unless another one has taken over.
func (st *stream) detach(pub *publisher, reason string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.pub != pub {
		return
	}
	st.pub, st.live, st.since, st.left = nil, false, time.Now(), reason
}

// stop ends the stream's timer for good.
func (st *stream) stop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stopped = true
	if st.askAgain != nil {
		st.askAgain.Stop()
	}
}

// hold and release keep the stream listed while a publisher is on its way in.
func (st *stream) hold() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.held++
}

func (st *stream) release() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.held--
}

// stale says whether the stream may be forgotten.
func (st *stream) stale(now time.Time, after time.Duration) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.keep || st.held > 0 || st.pub != nil || len(*st.viewers.Load()) > 0 {
		return false
	}
	return st.publishers == 0 || now.Sub(st.since) >= after
}

// forward takes one packet of pub and hands it to every viewer.
func (st *stream) forward(pub *publisher, kind webrtc.RTPCodecType, pkt *rtp.Packet, now time.Time) {
	entry, ok := st.count(pub, kind, pkt, now)
	if !ok {
		return
	}
	wantKey := false
	for _, v := range *st.viewers.Load() {
		if r := v.relay(kind); r != nil && r.write(pub, pkt, entry, now) {
			wantKey = true
		}
	}
	if wantKey {
		st.retryKeyFrame(now)
	}
}

// count notes a packet; ok is false when pub is no longer the publisher.
func (st *stream) count(pub *publisher, kind webrtc.RTPCodecType, pkt *rtp.Packet, now time.Time) (entry, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.pub != pub {
		return false, false
	}
	st.lastPacket = now
	if kind == webrtc.RTPCodecTypeAudio {
		st.audio.add(pkt.SequenceNumber, len(pkt.Payload))
		return false, true
	}
	st.video.add(pkt.SequenceNumber, len(pkt.Payload))
	return st.pics.push(pkt.SequenceNumber, pkt.Timestamp, pkt.Marker, pkt.Payload), true
}

// requestKeyFrame asks the publisher for a key frame: at once if the last
// request is long enough ago, else when it is. Requests in between are one.
func (st *stream) requestKeyFrame() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.requestLocked(time.Now())
}

// retryKeyFrame asks again while viewers still wait.
func (st *stream) retryKeyFrame(now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if now.Sub(st.asked) >= keyFrameRetry {
		st.requestLocked(now)
	}
}

func (st *stream) requestLocked(now time.Time) {
	if st.pub == nil || st.stopped {
		return
	}
	if wait := keyFrameInterval - now.Sub(st.asked); wait > 0 {
		if st.askAgain == nil {
			st.askAgain = time.AfterFunc(wait, func() {
				st.mu.Lock()
				defer st.mu.Unlock()
				st.askAgain = nil
				st.requestLocked(time.Now())
			})
		}
		return
	}
	if st.pub.askKeyFrame() {
		st.asked = now
		st.requests++
	}
}

// join and leave change the set of viewers.
func (st *stream) join(v *viewer) {
	st.mu.Lock()
	defer st.mu.Unlock()
	next := append(slices.Clone(*st.viewers.Load()), v)
	st.viewers.Store(&next)
}

func (st *stream) leave(v *viewer) {
	st.mu.Lock()
	defer st.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(*st.viewers.Load()), func(o *viewer) bool { return o == v })
	st.viewers.Store(&next)
}

// current returns the publisher, nil if there is none.
func (st *stream) current() *publisher {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.pub
}
