package publisher

import (
	"errors"
	"time"
)

// reportLife is how long a receiver report counts: the far end may send none any more.
const reportLife = 3 * time.Second

// errOtherStream ends a session with the camera so that its other stream can play.
var errOtherStream = errors.New("the camera's other stream is to play")

// chosen is the stream to open. What was asked of the session before is forgotten.
func (p *Publisher) chosen() Source {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.swap:
	default:
	}
	if p.streams.playing == Sub {
		return p.cfg.Sub
	}
	return p.cfg.Source
}

// judgePath looks at the last second of the session and has the camera's other
// stream play if that is better.
func (p *Publisher) judgePath(now time.Time) {
	if p.cfg.Sub == nil {
		return
	}
	p.mu.Lock()
	session := p.session
	up := p.camera.phase == phaseUp
	p.mu.Unlock()
	if session == nil {
		return
	}
	stats := session.Stats()
	changed := false
	p.mu.Lock()
	last := p.sample.stats
	known := p.sample.session == session
	p.sample.session, p.sample.stats = session, stats
	if up && known {
		s := secondOf(last, stats, now)
		s.excess = p.sample.excess.text
		changed = p.streams.second(now, s)
	}
	p.mu.Unlock()
	if changed {
		p.tellStream()
		select {
		case p.swap <- struct{}{}:
		default:
		}
	}
}

// secondOf is what lies between two looks at a session's figures.
func secondOf(last, stats TargetStats, now time.Time) second {
	s := second{sent: stats.Sent - last.Sent, nacked: stats.Nacked - last.Nacked, lost: stats.PathLost}
	if now.Sub(stats.Reported) <= reportLife {
		s.lost = max(s.lost, stats.FractionLost)
	}
	return s
}

// otherStream takes the end of a session with the camera. It reports true if the
// camera's other stream is to be opened at once; otherwise the end is a failure like
// any other, whichever stream is opened next.
func (p *Publisher) otherStream(err error, flowed bool) bool {
	if p.cfg.Sub == nil {
		return false
	}
	if errors.Is(err, errOtherStream) {
		p.leaveFor("")
		return true
	}
	f := faultOf(err)
	p.mu.Lock()
	before := p.streams.playing
	atOnce := p.streams.failed(time.Now(), failure{text: f.Text, flowed: flowed, unfit: isUnfit(err), slow: f.Slow})
	changed := p.streams.playing != before
	p.mu.Unlock()
	if changed {
		p.tellStream()
	}
	if atOnce {
		p.leaveFor(f.Hint)
	}
	return atOnce
}

// leaveFor notes that the camera is away only because its other stream is being opened.
func (p *Publisher) leaveFor(hint string) {
	p.update(func() {
		f := Fault{Text: "changing to the camera's " + string(p.streams.playing) + " stream: " + p.streams.because, Hint: hint}
		p.camera = side{phase: phaseWaiting, fault: &f}
		p.sample.n, p.sample.excess = 0, excess{} // were the other stream's
		if p.away.IsZero() {
			p.away = time.Now()
		}
	})
}

// tellStream logs a change of stream.
func (p *Publisher) tellStream() {
	var to Stream
	var because string
	p.update(func() {
		p.status.StreamChanges++
		to, because = p.streams.playing, p.streams.because
	})
	p.log.Info("camera stream", "stream", string(to), "reason", because)
}
