package publisher

import (
	"strings"
	"testing"
	"time"
)

func TestExcess(t *testing.T) {
	server := func(rate float64) TargetStats { return TargetStats{AllowedRate: rate} }
	paced := func(rate float64, auto bool) TargetStats {
		return TargetStats{Pacing: PacingStats{Rate: rate, Auto: auto}}
	}
	for _, c := range []struct {
		name    string
		bitrate float64
		stats   TargetStats
		told    bool
		want    string // in the text; "" for none
	}{
		{"no limit", 9e6, TargetStats{}, false, ""},
		{"below", 1.9e6, server(2e6), false, ""},
		{"a little above", 2.1e6, server(2e6), false, ""},
		{"above", 2.3e6, server(2e6), false, "2.0 Mb/s that the server allows"},
		{"still above", 1.95e6, server(2e6), true, "the server allows"},
		{"below again", 1.85e6, server(2e6), true, ""},
		{"faster than its pacing", 8e6, paced(7e6, false), false, "its pacing of 7.0 Mb/s"},
		{"paced in time", 6.5e6, paced(7e6, false), false, ""},
		{"paced by itself", 8e6, paced(7e6, true), false, ""},
	} {
		got := excessOf(c.bitrate, c.stats, c.told)
		if (got.text == "") != (c.want == "") || !strings.Contains(got.text, c.want) || (got.text == "") != (got.hint == "") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// A live camera that sends more than it may says so, what to do, and once in the log.
func TestExcessIsTold(t *testing.T) {
	log := bubble(t, videoOnly(), &fakeTarget{allowed: 100}, nil, func(t *testing.T, p *Publisher) {
		after(20 * time.Second)
		s := wantState(t, p, Live)
		if !strings.Contains(s.Reason, "the server allows") || !strings.Contains(s.Hint, "bit rate") || s.AllowedRate != 100 {
			t.Errorf("%s (%s), %v allowed", s.Reason, s.Hint, s.AllowedRate)
		}
	})
	if n := strings.Count(log, "the server allows"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
}
