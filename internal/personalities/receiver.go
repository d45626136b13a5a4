package personalities

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// Receiver puts arriving video together again, without a word in common with
// what took it apart, and judges it by what the camera has sent. Its methods may
// be called from any goroutine.
type Receiver struct {
	// Strict also holds the stream to what rtsp2whip promises and WebRTC does not
	// ask for: packets of 1200 bytes at most, nothing but slices and parameter sets.
	Strict bool

	mu     sync.Mutex
	sent   []digest // a picture each
	first  int      // in sent: the first picture that has arrived
	next   int      // in sent: the first picture that may still come; 0: none has come
	videos []*stream
	audios []*stream
	sum    Report
	begin  time.Time
}

// digest stands for the slices of one picture.
type digest [sha256.Size]byte

// Report is what a Receiver has found so far. Pictures before the first key frame
// count for nothing: no decoder can show them.
type Report struct {
	Pictures, KeyFrames int
	First               time.Duration // from the start to the first whole key frame
	Last                time.Time     // the newest picture
	Skipped             int           // pictures that the camera sent between two that arrived
	Sent                int           // pictures that the camera has sent since the first that arrived
	Unclosed            int           // access units that no marker closed
	Missing             int           // packets that never came, not even when asked for again
	Ahead, Behind       time.Duration // by how much timestamps ever were, of the time of arrival
	Sizes               []string      // of the pictures, in order, as WIDTHxHEIGHT
	Streams             int           // video streams: SSRCs
	Audio               int           // packets
	AudioUneven         int           // audio packets with another step of time than most
	Faults              []string      // each kind once
}

// NewReceiver begins to measure time.
func NewReceiver(strict bool) *Receiver {
	return &Receiver{Strict: strict, begin: time.Now()}
}

// Sent is to be told of every access unit, before the camera sends it.
func (r *Receiver) Sent(nalus [][]byte) {
	d, ok := picture(nalus)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, d)
}

// RTP takes an arriving packet, in whatever order; it keeps it.
func (r *Receiver) RTP(kind string, p *rtp.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, use := &r.videos, r.video
	if kind == "audio" {
		list, use = &r.audios, r.audio
	}
	i := slices.IndexFunc(*list, func(s *stream) bool { return s.ssrc == p.SSRC })
	if i < 0 {
		i = len(*list)
		*list = append(*list, newStream(p))
	}
	s := (*list)[i]
	r.sum.Missing += s.take(p, time.Now(), func(p *rtp.Packet) { use(s, p) })
}

// Report returns what was found.
func (r *Receiver) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.sum
	if out.Streams = len(r.videos); r.next > 0 {
		out.Sent = len(r.sent) - r.first
	}
	out.Sizes, out.Faults = slices.Clone(out.Sizes), slices.Clone(out.Faults)
	return out
}

func (r *Receiver) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(r.sum.Faults) < 10 && !slices.Contains(r.sum.Faults, text) {
		r.sum.Faults = append(r.sum.Faults, text)
	}
}

// video takes the packets of one stream in their order.
func (r *Receiver) video(s *stream, p *rtp.Packet) {
	if size := p.MarshalSize(); r.Strict && size > 1200 {
		r.fault("a packet of more than 1200 bytes")
	}
	switch step := int32(p.Timestamp - s.unit.ts); {
	case !s.started || step > 0:
		r.abandon(s)
		s.unit = unit{ts: p.Timestamp}
	case step < 0:
		r.fault("a timestamp steps back")
		r.abandon(s)
		s.unit = unit{ts: p.Timestamp}
	case s.unit.closed:
		r.fault("a packet follows the marker of its access unit")
	}
	s.started = true
	if s.lost {
		s.unit.torn, s.lost = true, false
	}
	if err := s.unit.add(p.Payload); err != "" {
		if !s.unit.torn && s.keyed { // the first packets may have come before the receiver was ready
			r.fault("%s", err)
		}
		s.unit.torn = true
	}
	if p.Marker {
		s.unit.closed = true
		r.close(s)
	}
}

// abandon notes that an access unit ends without a marker.
func (r *Receiver) abandon(s *stream) {
	if s.started && !s.unit.closed && s.keyed {
		r.sum.Unclosed++
	}
}

// close judges an access unit that a marker has closed.
func (r *Receiver) close(s *stream) {
	u := &s.unit
	if u.torn {
		return // what was lost on the way is not the sender's doing
	}
	if u.open {
		r.fault("a marker closes an access unit in the middle of a fragmented NAL unit")
		return
	}
	if r.Strict {
		for _, n := range u.nalus {
			if t := n[0] & 0x1f; t != 1 && t != 5 && t != 7 && t != 8 {
				r.fault("a NAL unit of type %d is sent", t)
			}
		}
	}
	key, err := s.sets.use(u.nalus)
	if err != "" && (s.keyed || key) {
		r.fault("%s", err)
		return
	}
	d, ok := picture(u.nalus)
	if !ok {
		if r.Strict {
			r.fault("an access unit without a picture")
		}
		return
	}
	s.keyed = s.keyed || key
	if !s.keyed || !r.match(d) {
		return
	}
	r.count(s, key)
}

func (r *Receiver) count(s *stream, key bool) {
	now := time.Now()
	r.sum.Pictures++
	r.sum.Last = now
	if r.sum.First == 0 {
		r.sum.First = now.Sub(r.begin)
	}
	if key {
		r.sum.KeyFrames++
		if size := s.sets.size; len(r.sum.Sizes) == 0 || r.sum.Sizes[len(r.sum.Sizes)-1] != size {
			r.sum.Sizes = append(r.sum.Sizes, size)
		}
	}
	ahead := s.ahead(now)
	r.sum.Ahead, r.sum.Behind = max(r.sum.Ahead, ahead), max(r.sum.Behind, -ahead)
}

// match finds a picture among those sent.
func (r *Receiver) match(d digest) bool {
	i := slices.Index(r.sent[r.next:], d)
	switch {
	case i < 0 && slices.Contains(r.sent, d):
		r.fault("a picture comes twice, or out of order")
		return false
	case i < 0:
		r.fault("a marker closes an access unit that the camera has not sent like this")
		return false
	}
	if r.next > 0 {
		r.sum.Skipped += i
	} else {
		r.first = i
	}
	r.next += i + 1
	return true
}

// audio takes the packets of one audio stream in their order.
func (r *Receiver) audio(s *stream, p *rtp.Packet) {
	step := int32(p.Timestamp - s.unit.ts)
	switch {
	case !s.started:
	case step <= 0:
		r.fault("an audio timestamp does not advance")
	case s.step == 0:
		s.step = step
	case step != s.step:
		r.sum.AudioUneven++
	}
	s.started, s.unit.ts = true, p.Timestamp
	r.sum.Audio++
}

// picture hashes the slices of an access unit; ok is false if it has none.
func picture(nalus [][]byte) (d digest, ok bool) {
	h := sha256.New()
	for _, n := range nalus {
		if t := n[0] & 0x1f; t >= 1 && t <= 5 {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(n))))
			h.Write(n)
			ok = true
		}
	}
	h.Sum(d[:0])
	return d, ok
}
