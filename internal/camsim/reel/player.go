package reel

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// Sink takes what a player plays. All calls come from the goroutine in Run.
type Sink struct {
	// Watched tells whether anybody takes packets. While nobody does, time goes
	// on but nothing is sent and sequence numbers stand still.
	Watched func() bool

	// Video and Audio take one packet and the wall-clock time of its sampling.
	// The packet and its header are reused; the SSRC is left to the sink.
	Video func(pkt *rtp.Packet, ntp time.Time) error
	Audio func(pkt *rtp.Packet, ntp time.Time) error

	// AccessUnit is called before an access unit's packets are sent. May be nil.
	AccessUnit func(nalus [][]byte)
}

// Stats count what a player has sent.
type Stats struct {
	AccessUnits  uint64
	KeyFrames    uint64
	VideoPackets uint64
	AudioPackets uint64
	Bytes        uint64 // RTP, headers included
	Errors       uint64 // packets that the sink refused
}

// Add returns the sums.
func (s Stats) Add(o Stats) Stats {
	s.AccessUnits += o.AccessUnits
	s.KeyFrames += o.KeyFrames
	s.VideoPackets += o.VideoPackets
	s.AudioPackets += o.AudioPackets
	s.Bytes += o.Bytes
	s.Errors += o.Errors
	return s
}

// Script is what a player plays and what it does wrong.
type Script struct {
	Film  *Film
	Track *Track // nil: no audio

	FromStart bool // start at the clip's first access unit, not at a random one
	FreezeAt  int  // freeze after so many access units; 0 means never
	DropEvery int  // leave out every n-th video packet; 0 means none
	ZeroStart bool // sequence numbers and timestamps start at 0, not at random

	// AudioJitter is by how many ticks, at most, an audio timestamp is off its
	// time. Every packet has its own error, never so large that time goes back.
	AudioJitter uint32
}

// Player plays one clip, and a sound beside it, on timelines of its own.
type Player struct {
	script Script
	sink   Sink

	frozen   atomic.Bool
	wantsIDR atomic.Bool
	jump     atomic.Int64 // nanoseconds by which timestamps are still to jump
	clock    atomic.Int64 // nanoseconds by which the camera's clock is ahead
	stats    struct {
		units, keys, video, audio, bytes, errors atomic.Uint64
	}

	start        time.Time
	video, audio line
	position     int // in the film
	unitsSent    int
}

// line is one track's RTP timeline.
type line struct {
	pkt      rtp.Packet
	first    uint32 // timestamp of beat 0
	beat     int64  // access units or audio packets since the start
	interval time.Duration
	ticks    uint32 // RTP ticks a beat
	sent     int
}

// NewPlayer prepares a player at a random place in the clip.
func NewPlayer(script Script, sink Sink) *Player {
	p := &Player{script: script, sink: sink}
	f := script.Film
	p.video = p.newLine(VideoPayloadType, f.Step, VideoClock)
	if !script.FromStart {
		p.position = rand.IntN(len(f.Units))
	}
	if t := script.Track; t != nil {
		p.audio = p.newLine(t.PayloadType, uint32(t.Sound.Samples), t.Sound.ClockRate)
	}
	return p
}

func (p *Player) newLine(payloadType uint8, ticks uint32, clock int) line {
	l := line{
		pkt:      rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payloadType}},
		interval: time.Duration(ticks) * time.Second / time.Duration(clock),
		ticks:    ticks,
	}
	if !p.script.ZeroStart {
		l.first = rand.Uint32()
		l.pkt.SequenceNumber = uint16(rand.Uint32())
	}
	return l
}

// Freeze stops the media, or lets it go on; time goes on meanwhile.
func (p *Player) Freeze(on bool) { p.frozen.Store(on) }

// KeyFrame asks for the next access unit to be an IDR: the clip goes on from its
// nearest one, if it has any.
func (p *Player) KeyFrame() { p.wantsIDR.Store(true) }

// Jump makes the RTP timestamps of all tracks jump, forth or back, with the next
// access unit; time goes on as before.
func (p *Player) Jump(by time.Duration) { p.jump.Add(int64(by)) }

// StepClock sets the camera's clock, by which packets are stamped for sender reports.
func (p *Player) StepClock(by time.Duration) { p.clock.Add(int64(by)) }

// Stats may be called from any goroutine.
func (p *Player) Stats() Stats {
	s := &p.stats
	return Stats{
		AccessUnits:  s.units.Load(),
		KeyFrames:    s.keys.Load(),
		VideoPackets: s.video.Load(),
		AudioPackets: s.audio.Load(),
		Bytes:        s.bytes.Load(),
		Errors:       s.errors.Load(),
	}
}

// Run plays until ctx is done. A player runs once.
func (p *Player) Run(ctx context.Context) {
	p.start = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		due, audio := p.next()
		// A machine that slept does not get everything it missed at once: the
		// camera slept too.
		if lag := time.Since(due); lag > maxLag {
			p.start = p.start.Add(lag)
			due = due.Add(lag)
		}
		if by := time.Duration(p.jump.Swap(0)); by != 0 {
			p.video.shift(by)
			p.audio.shift(by)
		}
		if ntp := due.Add(time.Duration(p.clock.Load())); audio {
			p.playAudio(ntp)
		} else {
			p.playVideo(ntp)
		}
		due, _ = p.next()
		timer.Reset(time.Until(due))
	}
}

// maxLag is by how much a player may run late before it gives up on catching up.
const maxLag = 2 * time.Second

// next tells when the next beat is due, and whether it is the audio's.
func (p *Player) next() (due time.Time, audio bool) {
	due = p.video.due(p.start)
	if p.script.Track != nil {
		if audioDue := p.audio.due(p.start); audioDue.Before(due) {
			return audioDue, true
		}
	}
	return due, false
}

func (l *line) due(start time.Time) time.Time {
	return start.Add(time.Duration(l.beat) * l.interval)
}

// shift moves the timestamps by as many beats as fit into a time.
func (l *line) shift(by time.Duration) {
	if l.interval > 0 {
		l.first += uint32(int64(by/l.interval)) * l.ticks
	}
}

func (l *line) timestamp() uint32 { return l.first + uint32(l.beat)*l.ticks }

func (p *Player) playVideo(ntp time.Time) {
	units := p.script.Film.Units
	if p.wantsIDR.Swap(false) {
		for i := range units {
			if at := (p.position + i) % len(units); units[at].KeyFrame {
				p.position = at
				break
			}
		}
	}
	unit := &units[p.position]
	if p.sink.Watched() && !p.frozen.Load() {
		p.sendUnit(unit, ntp)
	}
	p.position = (p.position + 1) % len(units)
	p.video.beat++
}

func (p *Player) sendUnit(unit *Unit, ntp time.Time) {
	if p.sink.AccessUnit != nil {
		p.sink.AccessUnit(unit.NALUs)
	}
	l := &p.video
	l.pkt.Timestamp = l.timestamp() + uint32(unit.Shift)
	for _, packet := range unit.Packets {
		l.pkt.Marker, l.pkt.Payload = packet.Marker, packet.Payload
		l.sent++
		if n := p.script.DropEvery; n > 0 && l.sent%n == 0 {
			l.pkt.SequenceNumber++
			continue
		}
		p.send(l, p.sink.Video, &p.stats.video, ntp)
	}
	if !unit.Picture {
		return
	}
	p.stats.units.Add(1)
	if unit.KeyFrame {
		p.stats.keys.Add(1)
	}
	p.unitsSent++
	if p.unitsSent == p.script.FreezeAt {
		p.frozen.Store(true)
	}
}

func (p *Player) playAudio(ntp time.Time) {
	l, t := &p.audio, p.script.Track
	if p.sink.Watched() && !p.frozen.Load() {
		l.pkt.Timestamp = l.timestamp()
		if j := p.script.AudioJitter; j > 0 {
			l.pkt.Timestamp += rand.Uint32N(j)
		}
		l.pkt.Payload = t.Payloads[int(l.beat)%len(t.Payloads)]
		l.pkt.Marker = t.Marker
		p.send(l, p.sink.Audio, &p.stats.audio, ntp)
	}
	l.beat++
}

func (p *Player) send(l *line, to func(*rtp.Packet, time.Time) error, count *atomic.Uint64, ntp time.Time) {
	if err := to(&l.pkt, ntp); err != nil {
		p.stats.errors.Add(1)
	} else {
		count.Add(1)
		p.stats.bytes.Add(uint64(rtpHeader + len(l.pkt.Payload)))
	}
	l.pkt.SequenceNumber++
}
