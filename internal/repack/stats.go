package repack

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// VideoStats describes a video track. Counts are since its repacker was made.
type VideoStats struct {
	Packets, Bytes uint64 // sent; bytes with RTP headers, without extensions
	AccessUnits    uint64 // sent in full
	KeyFrames      uint64 // IDR pictures sent in full
	LostPackets    uint64 // missing on the camera's side
	LatePackets    uint64 // came twice, or after they were given up; not used
	DamagedUnits   uint64 // access units not sent, or not to their end, because of a loss
	SkippedUnits   uint64 // access units not sent while waiting for a key frame
	DroppedBFrames uint64 // B pictures left out, see VideoConfig.DropBFrames
	DroppedNALUs   uint64 // delimiters, filler, SEI, and what RFC 6184 does not allow

	// NeedKeyFrame is set while a receiver cannot show, or not correctly, what
	// is sent: before the first key frame and after the loss of a reference
	// picture. The camera is to be asked for one.
	NeedKeyFrame bool

	Width, Height  int     // 0 before a parameter set was read
	FPS            float64 // from the parameter set; 0 if it gives none
	ProfileLevelID string  // from the parameter set, such as "42e01f"
	BFrames        bool    // the camera sends some, left out or not
	Interlaced     bool

	LastKeyFrame     time.Time     // when the last one began to arrive; zero before
	KeyFrameInterval time.Duration // between the last two in a row; 0 if unknown

	// Problem says in one sentence what the camera sends that receivers cannot
	// show well, and what to set to change that; "" if nothing is known.
	Problem string
	// ProblemIsGOP says that Problem is of key frames that are far apart, which a
	// camera that sends them when asked can well have.
	ProblemIsGOP bool
}

// problem is one bit for each thing that a person should change. The lowest one
// that is set is told.
type problem uint

const (
	problemInterleaved problem = 1 << iota
	problemNoSets
	problemInterlaced
	problemPartitioned
	problemBFrames
	problemBReferences
	problemRefresh
	problemNoKeyFrame
	problemLongGOP
	problemBigSets
)

// keyFramePatience is how long a stream may go without a key frame before that
// is a problem: every viewer who joins waits half of it on average.
const keyFramePatience = 10 * time.Second

const bFramesSentence = "the camera sends B-frames, which WebRTC shows in the wrong order: set its H.264 profile to Baseline or its number of B-frames to 0"

func (p problem) sentence(codec string) string {
	if s := p.sentence265(); codec == nameH265 && s != "" {
		return s
	}
	switch p & -p {
	case problemInterleaved:
		return "the camera interleaves its H.264 packets (packetization mode 2), which WebRTC cannot carry: set its RTP packetization to mode 1 (non-interleaved)"
	case problemNoSets:
		return "the camera sends key frames without SPS and PPS, neither in the stream nor in its SDP: turn on in-band parameter sets in its stream settings"
	case problemInterlaced:
		return "the camera sends interlaced video, which browsers do not show correctly: set its scan mode to progressive"
	case problemPartitioned:
		return "the camera uses data partitioning (H.264 Extended profile), which WebRTC receivers cannot decode: set its H.264 profile to Baseline or Main"
	case problemBFrames:
		return bFramesSentence
	case problemBReferences:
		return "the camera sends B-frames to which other frames refer, so that not all of them can be left out: set its H.264 profile to Baseline or its number of B-frames to 0"
	case problemRefresh:
		return "the camera refreshes its picture bit by bit and sends no key frames (IDR), so that no viewer can start: turn off intra refresh and set a key frame interval of 1 to 2 seconds"
	case problemNoKeyFrame:
		return fmt.Sprintf("the camera has sent no key frame (IDR) for over %.0f seconds: set its key frame interval (GOP) to 1 to 2 seconds and turn off its smart codec", keyFramePatience.Seconds())
	case problemLongGOP:
		return fmt.Sprintf("the camera's key frames are over %.0f seconds apart, and viewers wait that long for a picture: set its key frame interval (GOP) to 1 to 2 seconds and turn off its smart codec", keyFramePatience.Seconds())
	case problemBigSets:
		return "the camera's parameter sets do not fit one packet, and some receivers cannot read them then: set its H.264 profile to Baseline or Main"
	}
	return ""
}

// videoCounters is what Stats reads from another goroutine.
type videoCounters struct {
	packets, bytes, units, keyFrames      atomic.Uint64
	lost, late, damaged, skipped, dropped atomic.Uint64
	droppedB                              atomic.Uint64
	needKey, bFrames, judged              atomic.Bool

	mu       sync.Mutex // off the packet path: for what changes with key frames at most
	video    VideoInfo
	sps, pps []byte
	lastKey  time.Time
	interval time.Duration
	problem  problem
}

// Stats returns the state of the track. It may be called from any goroutine.
func (r *Video) Stats() VideoStats {
	c := &r.shared
	s := VideoStats{
		Packets:      c.packets.Load(),
		Bytes:        c.bytes.Load(),
		AccessUnits:  c.units.Load(),
		KeyFrames:    c.keyFrames.Load(),
		LostPackets:  c.lost.Load(),
		LatePackets:  c.late.Load(),
		DamagedUnits: c.damaged.Load(),
		SkippedUnits: c.skipped.Load(),
		DroppedNALUs: c.dropped.Load(),
		NeedKeyFrame: c.needKey.Load(),
		BFrames:      c.bFrames.Load(),

		DroppedBFrames: c.droppedB.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Width, s.Height, s.FPS = c.video.Width, c.video.Height, c.video.FPS
	s.ProfileLevelID = c.video.ProfileLevelID
	s.Interlaced = c.video.Interlaced
	s.LastKeyFrame, s.KeyFrameInterval = c.lastKey, c.interval
	s.Problem = c.problem.sentence(r.codec.name())
	told := c.problem & -c.problem
	s.ProblemIsGOP = told == problemLongGOP || told == problemNoKeyFrame
	return s
}

// NeedKeyFrame is Stats().NeedKeyFrame alone: cheap enough to ask after every
// packet.
func (r *Video) NeedKeyFrame() bool { return r.shared.needKey.Load() }

// KeyFrames is Stats().KeyFrames alone, as cheap.
func (r *Video) KeyFrames() uint64 { return r.shared.keyFrames.Load() }

// ParameterSets returns the newest sequence and picture parameter set, without
// start codes, nil if none is known. They must not be changed. It may be called
// from any goroutine.
func (r *Video) ParameterSets() (sps, pps []byte) {
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	return r.shared.sps, r.shared.pps
}

// setProblem turns one problem on or off.
func (r *Video) setProblem(p problem, on bool) {
	now := r.problems &^ p
	if on {
		now |= p
	}
	if now == r.problems {
		return
	}
	r.problems = now
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	r.shared.problem = now
}

// publishSets makes new parameter sets known.
func (r *Video) publishSets() {
	sps, pps, info := r.codec.newest()
	r.shared.mu.Lock()
	r.shared.sps, r.shared.pps = sps, pps
	if info.ProfileLevelID != "" {
		r.shared.video = *info
	}
	r.shared.mu.Unlock()
	r.setProblem(problemInterlaced, info.Interlaced)
	if !info.Reordering {
		r.setProblem(problemBFrames|problemBReferences, false)
		r.shared.bFrames.Store(false)
	}
	r.updateJudged()
}

// publishKeyFrame notes a key frame that was sent in full, and how long after the
// one before it came; 0 if that is unknown.
func (r *Video) publishKeyFrame(began time.Time, interval time.Duration) {
	r.shared.keyFrames.Add(1)
	r.shared.mu.Lock()
	if interval > 0 {
		r.shared.interval = interval
	}
	r.shared.lastKey = began
	r.shared.mu.Unlock()
}
