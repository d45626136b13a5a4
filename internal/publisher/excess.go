package publisher

import "fmt"

// excess is what a camera sends above what its way takes. Its stream is passed on as
// it is, so that only a person can mend it, or the camera's smaller stream.
type excess struct{ text, hint string }

// The stream may be so far above before anything is said: scenes vary, and the rates
// are told by different countings. Once said, it stands until the stream is below.
const (
	excessFrom = 1.1
	excessTo   = 0.95
)

// excessOf compares the bits a second that a camera sends with what the server allows
// (b=AS, b=TIAS or TMMBR) and with a configured pacing. told says that there was an
// excess a second ago.
func excessOf(bitrate float64, t TargetStats, told bool) excess {
	factor := excessFrom
	if told {
		factor = excessTo
	}
	switch {
	case t.AllowedRate > 0 && bitrate > factor*t.AllowedRate:
		return excess{
			fmt.Sprintf("the camera sends more than the %s that the server allows", megabits(t.AllowedRate)),
			fmt.Sprintf("set the camera's bit rate to %s or less", megabits(t.AllowedRate*excessTo)),
		}
	case t.Pacing.Rate > 0 && !t.Pacing.Auto && bitrate > factor*t.Pacing.Rate:
		return excess{
			fmt.Sprintf("the camera sends more than its pacing of %s", megabits(t.Pacing.Rate)),
			"lower the camera's bit rate, or raise pacing if the uplink carries more",
		}
	}
	return excess{}
}

func megabits(rate float64) string { return fmt.Sprintf("%.1f Mb/s", rate/1e6) }

// judgeExcess looks at the present second, and tells once. It reports a change.
func (p *Publisher) judgeExcess() bool {
	p.mu.Lock()
	session, bitrate, was := p.session, p.sample.bitrate, p.sample.excess
	p.mu.Unlock()
	now := excess{}
	if session != nil {
		now = excessOf(bitrate, session.Stats(), was != excess{})
	}
	p.mu.Lock()
	p.sample.excess = now
	p.mu.Unlock()
	switch {
	case now != was && now != excess{}:
		p.log.Warn("stream", "problem", now.text, "hint", now.hint)
	case now != was:
		p.log.Info("stream", "problem", "none any more", "was", was.text)
	}
	return now != was
}
