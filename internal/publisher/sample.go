package publisher

import (
	"context"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/repack"
)

// samplePeriod is how often the rates are worked out. They are taken over
// sampleSpan, so that a figure does not jump with every key frame.
const (
	samplePeriod = time.Second
	sampleSpan   = 5
)

// reading is the counters at one moment.
type reading struct {
	at     time.Time
	bytes  uint64
	frames uint64
}

// sample turns counters of feeds and sessions into rates and totals.
type sample struct {
	ring         [sampleSpan + 1]reading
	n            int
	before       TargetStats // counts of the sessions that have ended
	fps, bitrate float64
	problem      string // the newest that the repacker told
	excess       excess // of what the far end allows

	session TargetSession // that of the stats below
	stats   TargetStats   // a second ago
}

// ended adds an ended session's counters to the totals.
func (s *sample) ended(last TargetStats) {
	b := &s.before
	b.Nacked += last.Nacked
	b.KeyFramesWant += last.KeyFramesWant
	b.Retransmitted += last.Retransmitted
	b.Restarts += last.Restarts
	b.Pacing = b.Pacing.plus(last.Pacing)
}

// rates adds a reading and returns access units and payload bits a second.
func (s *sample) rates(r reading) (fps, bitrate float64) {
	if s.n == len(s.ring) {
		copy(s.ring[:], s.ring[1:])
		s.n--
	}
	s.ring[s.n] = r
	s.n++
	first := s.ring[0]
	span := r.at.Sub(first.at).Seconds()
	if span <= 0 || r.bytes < first.bytes || r.frames < first.frames {
		s.ring[0], s.n = r, 1
		return 0, 0
	}
	return float64(r.frames-first.frames) / span, float64(r.bytes-first.bytes) * 8 / span
}

// runSampler keeps the rates and looks at what the repacker has found out, while
// there is something to see.
func (p *Publisher) runSampler(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed := p.watch()
		if !p.moves() {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			continue
		}
		now := time.Now()
		timer.Reset(together(now, samplePeriod))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			p.takeSample(time.Now())
		}
	}
}

// moves tells whether there are figures that change: from when the camera plays until
// its session is over and its rates are down to zero.
func (p *Publisher) moves() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.source != nil || p.session != nil || p.sample.fps > 0 || p.sample.bitrate > 0 {
		return true
	}
	p.sample.n = 0 // what comes next begins anew
	return false
}

// takeSample works out the rates, passes the repacker's wish for a key frame
// on, and tells once what it found wrong with the stream.
func (p *Publisher) takeSample(now time.Time) {
	p.mu.Lock()
	video := p.video
	p.mu.Unlock()
	if video == nil {
		return
	}
	v := video.video.Stats()
	v.Problem = judge(v, p.prompt())
	var problem string
	told := false // whether the status says something else now
	p.mu.Lock()
	p.sample.fps, p.sample.bitrate = p.sample.rates(reading{now, p.sent.bytes.Load(), v.AccessUnits})
	if v.Problem != p.sample.problem {
		p.sample.problem, problem, told = v.Problem, v.Problem, true
	}
	changed := v.ProfileLevelID != p.status.ProfileLevelID
	p.mu.Unlock()
	if problem != "" {
		p.log.Warn("stream", "problem", problem)
	}
	if changed {
		// The target's loop looks whether its session still fits.
		p.update(func() { p.status.ProfileLevelID = v.ProfileLevelID })
	}
	if v.NeedKeyFrame {
		p.wantKeyFrame()
	}
	p.judgePath(now)
	p.alignTracks()
	if p.judgeExcess() || told {
		p.cfg.Changed()
	}
}

// prompt is what the camera's session knows of asking for key frames, or the last
// one did.
func (p *Publisher) prompt() Prompt {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.source.(Prompted); ok {
		p.status.Prompt = s.Prompt()
	}
	return p.status.Prompt
}

// judge is the sentence to tell about a stream. That key frames are far apart is
// none where the camera sends them when asked; where it was asked in vain, the
// source knows more.
func judge(v repack.VideoStats, asked Prompt) string {
	switch {
	case v.Problem != "" && !v.ProblemIsGOP:
		return v.Problem
	case asked.Problem != "":
		return asked.Problem
	case asked.Way != "":
		return ""
	}
	return v.Problem
}

// Status is a snapshot of the camera, safe to take at any time.
func (p *Publisher) Status() Status {
	p.mu.Lock()
	s := p.status
	s.State, s.Since = p.state, p.since
	s.FPS, s.Bitrate = p.sample.fps, p.sample.bitrate
	before := p.sample.before
	s.Stream, s.StreamNote = p.streams.playing, p.streams.note()
	session, video := p.session, p.video
	if s.State == Live && s.Reason == "" {
		if s.Reason = p.sample.problem; s.Reason == "" {
			s.Reason, s.Hint = p.sample.excess.text, p.sample.excess.hint
		}
	}
	p.mu.Unlock()

	if p.cfg.Room != nil {
		seen, _ := p.cfg.Room.Look()
		s.Viewers = seen.Viewers
	}
	s.Packets, s.Bytes = p.sent.packets.Load(), p.sent.bytes.Load()
	if ns := p.sent.last.Load(); ns != 0 {
		s.LastFrame = time.Unix(0, ns)
	}
	var t TargetStats
	if session != nil {
		t = session.Stats()
	}
	s.target(before, t)
	if video != nil {
		v := video.video.Stats()
		s.Codec = p.cfg.Codec
		s.ProfileLevelID, s.Width, s.Height = v.ProfileLevelID, v.Width, v.Height
		s.Lost, s.Damaged = v.LostPackets, v.DamagedUnits
		s.KeyFrames, s.KeyFrameInterval = v.KeyFrames, v.KeyFrameInterval
	}
	s.Prompt = p.prompt()
	return s
}

// target fills in what the sessions' far ends have told: counts of all sessions,
// figures of the present one.
func (s *Status) target(before, now TargetStats) {
	s.Nacked = before.Nacked + now.Nacked
	s.PLIs = before.KeyFramesWant + now.KeyFramesWant
	s.Retransmitted = before.Retransmitted + now.Retransmitted
	s.Restarts = before.Restarts + now.Restarts
	s.FractionLost, s.RTT, s.AvailableRate = now.FractionLost, now.RTT, now.AvailableRate
	s.AllowedRate = now.AllowedRate
	s.Path, s.PathType, s.PathProtocol = now.Path, now.PathType, now.PathProtocol
	s.Pacing = now.Pacing.plus(before.Pacing)
}
