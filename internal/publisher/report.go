package publisher

import (
	"time"
)

// repeatEvery is how often a failure that stays the same is told again.
const repeatEvery = 5 * time.Minute

// repeats folds the same failure, told again and again, into a count.
type repeats struct {
	side map[string]*repeat
}

type repeat struct {
	text  string
	since time.Time
	told  time.Time
	count int
}

// report logs a failure: the first time and whenever its text changes, then
// every repeatEvery with the number of attempts.
func (p *Publisher) report(side string, f Fault, wait time.Duration) {
	p.mu.Lock()
	if p.logged.side == nil {
		p.logged.side = make(map[string]*repeat)
	}
	now := time.Now()
	r := p.logged.side[side]
	if r == nil || r.text != f.Text {
		r = &repeat{text: f.Text, since: now}
		p.logged.side[side] = r
	}
	r.count++
	tell := r.told.IsZero() || now.Sub(r.told) >= repeatEvery
	if tell {
		r.told = now
	}
	count, since := r.count, r.since
	p.mu.Unlock()
	if !tell {
		return
	}
	args := []any{"err", f.Text, "retry_in", wait.Round(time.Millisecond)}
	if f.Hint != "" {
		args = append(args, "hint", f.Hint)
	}
	if count > 1 {
		args = append(args, "attempts", count, "for", now.Sub(since).Round(time.Second))
	}
	p.log.Warn(side+" failed", args...)
}

// recovered tells that a failing side is back, if its failure was told.
func (p *Publisher) recovered(side string) {
	p.mu.Lock()
	r := p.logged.side[side]
	delete(p.logged.side, side)
	p.mu.Unlock()
	if r != nil {
		p.log.Info(side+" is back", "attempts", r.count, "after", time.Since(r.since).Round(time.Millisecond))
	}
}

// setNotes keeps what was left out of the camera's offer, and logs it once.
func (p *Publisher) setNotes(notes []string, audioNote string) {
	p.update(func() { p.status.Notes = notes })
	p.setAudioNote(audioNote)
}

func (p *Publisher) setAudioNote(note string) {
	told := false
	p.update(func() {
		told = p.status.AudioNote == note
		p.status.AudioNote = note
	})
	if note != "" && !told {
		p.log.Info("audio", "note", note)
	}
}
