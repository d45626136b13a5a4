package repack

import (
	"time"

	"github.com/pion/rtp"
)

// SEI says what becomes of supplemental enhancement information.
type SEI int

const (
	SEIDrop SEI = iota // some kinds freeze browsers, and none helps them
	SEIPass
)

// OnLoss says what is sent after a reference picture was lost.
type OnLoss int

const (
	Freeze      OnLoss = iota // nothing until a key frame: the picture stands still
	PassDamaged               // go on: the picture is smeared until a key frame
)

// VideoConfig configures NewH264 and NewH265. The zero value is usable.
type VideoConfig struct {
	// MaxPacketSize is the largest RTP packet in bytes, header and extensions
	// included; 0 means 1,200.
	MaxPacketSize int
	// ExtensionBytes is the room to leave for the header extensions that the
	// writer adds.
	ExtensionBytes int
	SEI            SEI
	OnLoss         OnLoss
	// DropBFrames leaves out B pictures to which no other picture refers. What is
	// left is in the order in which it is shown, unless others refer to B pictures.
	DropBFrames bool
}

// Video repacks H.264 (RFC 6184) or H.265 (RFC 7798): any packetization in;
// single NAL units, aggregated parameter sets and fragments out.
type Video struct {
	cfg    VideoConfig
	codec  codec
	size   int // bytes of a NAL unit's header
	line   *Line
	order  order
	out    packer
	unit   unit
	au     accessUnit
	leads  []byte    // NAL units to go before the first slice, each behind its size
	now    time.Time // arrival of the packet in hand
	kept   bool      // the packet in hand held something that its marker may close
	joined bool      // an access unit was begun in this session

	// Markers on slices. lying is set once one came amid an access unit; honest counts
	// the access units since then whose markers were right.
	marked bool // one was seen in this session
	lying  bool
	honest int

	// References. See loss.go.
	headLost  bool // the next access unit may lack its beginning
	suspect   bool // whole access units may be missing
	missing   int  // packets since the last picture of which that was known
	broken    bool // a reference picture is missing
	keyed     bool // a key frame was sent in full
	cut       bool // the newest key frame does not follow on what went before
	lastRef   uint32
	lastRefOK bool

	// What a person should know.
	problems  problem
	since     time.Time // the last key frame, or the session's first slice
	gop       bool      // since is a key frame's, and none was lost after it
	keyLost   bool      // a key frame was, after since: how far they are apart is not known
	refreshes bool      // a recovery point SEI was seen
	backSteps int       // timestamps that went back as B-frames' do
	seen      int       // pictures of this session whose slice header was read, up to judgeAfter
	lastTS    uint32

	shared videoCounters
}

func newVideo(cfg VideoConfig, c codec, line *Line) *Video {
	if cfg.MaxPacketSize <= 0 {
		cfg.MaxPacketSize = defaultPacketSize
	}
	payload := max(min(cfg.MaxPacketSize, 1<<16-1)-rtpHeaderSize-max(cfg.ExtensionBytes, 0), minPayloadSize)
	size := c.headerSize()
	r := &Video{cfg: cfg, codec: c, size: size, line: line, out: newPacker(line, c, payload), headLost: true}
	r.updateNeed()
	return r
}

// SetParameterSets gives the parameter sets of the SDP, one NAL unit each or
// several with start codes between them. They serve until the stream brings its
// own; what is no parameter set is ignored.
func (r *Video) SetParameterSets(nalus ...[]byte) {
	if r.codec.hint(nalus) {
		r.publishSets()
	}
}

// eachSet finds the parameter sets among NAL units that may have start codes
// between them.
func eachSet(c codec, nalus [][]byte, do func([]byte)) {
	for _, n := range nalus {
		for len(n) > 0 {
			var u []byte
			u, n = cutUnit(n)
			if len(u) > c.headerSize() && c.class(headerOf(u)).kind == kindSet {
				do(u)
			}
		}
	}
}

// Push repacks one packet of the camera, which arrived at the given time, and
// writes what becomes of it and of packets before it. It keeps nothing of pkt.
// The error is the writer's first one; it does not change what is repacked.
func (r *Video) Push(pkt *rtp.Packet, arrived time.Time, w Writer) error {
	v, lost := r.order.check(pkt.SSRC, pkt.SequenceNumber)
	if v == tooLate {
		r.shared.late.Add(1)
		return nil
	}
	r.out.w, r.now, r.kept = w, arrived, false
	same := r.au.open && pkt.Timestamp == r.au.in
	switch v {
	case gap:
		r.shared.lost.Add(uint64(lost))
		r.lose(lost, same)
	case anew:
		r.renumbered(lost, same)
	}
	// Empty packets (padding, keep-alives) only count for the sequence.
	if len(pkt.Payload) > 0 {
		if !same {
			r.endUnit()
			r.finish()
			r.au = accessUnit{open: true, in: pkt.Timestamp}
		}
		r.payload(pkt.Payload)
		if pkt.Marker {
			r.marker()
		}
	}
	r.out.keep()
	r.shared.packets.Store(r.out.packets)
	r.shared.bytes.Store(r.out.bytes)
	err := r.out.err
	r.out.w, r.out.err = nil, nil
	return err
}

// Restart says that a new session with the camera begins: its sequence numbers
// and timestamps start anew. An access unit that was not complete is given up.
// If a key frame was sent before, what follows is treated like what follows a
// loss: the new session's pictures do not refer to the old one's.
func (r *Video) Restart() {
	r.endSession()
	r.line.Rebase()
	r.codec.demote()
	r.updateNeed()
}

func (r *Video) endSession() {
	r.out.abandon()
	r.order = order{}
	r.unit.open = false
	r.au = accessUnit{}
	r.leads = r.leads[:0]
	r.joined, r.marked = false, false
	r.headLost, r.suspect, r.missing = true, false, 0
	r.broken = r.keyed
	r.lastRefOK = false
	r.since, r.gop, r.keyLost, r.refreshes, r.backSteps, r.seen = time.Time{}, false, false, false, 0, 0
	r.setProblem(^problemInterlaced, false)
	r.shared.bFrames.Store(false)
	r.updateJudged()
}
