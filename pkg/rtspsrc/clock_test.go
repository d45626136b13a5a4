package rtspsrc

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/ntp"
	"github.com/pion/rtcp"
)

func TestSenderTime(t *testing.T) {
	start := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	// A report: the camera's clock and RTP time, and ours, in seconds.
	type sr struct {
		ntp, rtp, at float64
		ssrc         uint32
	}
	for name, tc := range map[string]struct {
		reports []sr
		ok      bool
		bad     uint64
	}{
		"none":                 {nil, false, 0},
		"one":                  {[]sr{{0, 0, 0, 7}}, false, 0},
		"two":                  {[]sr{{0, 0, 0, 7}, {5, 5, 5, 7}}, true, 0},
		"hours off":            {[]sr{{-9e6, 0, 0, 7}, {-9e6 + 5, 5, 5, 7}}, true, 0},
		"a poor clock":         {[]sr{{0, 0, 0, 7}, {5.05, 5.01, 5, 7}}, true, 0},
		"delayed":              {[]sr{{0, 0, 0, 7}, {5, 5, 5.8, 7}}, true, 0},
		"RTP time wraps":       {[]sr{{0, 47721.85, 0, 7}, {5, 47726.85, 5, 7}}, true, 0},
		"clock stepped":        {[]sr{{0, 0, 0, 7}, {5, 5, 5, 7}, {3610, 10, 10, 7}}, false, 1},
		"clock stepped, again": {[]sr{{0, 0, 0, 7}, {3605, 5, 5, 7}, {3610, 10, 10, 7}}, true, 1},
		"clock steps back":     {[]sr{{0, 0, 0, 7}, {-60, 5, 5, 7}}, false, 1},
		"RTP time begins anew": {[]sr{{0, 100, 0, 7}, {5, 0, 5, 7}}, false, 1},
		"clock stands still":   {[]sr{{0, 0, 0, 7}, {0, 5, 5, 7}}, false, 1},
		"both run too fast":    {[]sr{{0, 0, 0, 7}, {10, 10, 5, 7}}, false, 1},
		"no clock":             {[]sr{{-4e9, 0, 0, 7}, {-4e9, 5, 5, 7}}, false, 2},
		"of another stream":    {[]sr{{0, 0, 0, 7}, {5, 5, 5, 9}}, false, 1},
		"of another between":   {[]sr{{0, 0, 0, 7}, {77, 77, 2, 9}, {5, 5, 5, 7}}, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(nil, &description.Media{}, Track{ID: 3, ClockRate: 90000}, start)
			feed(r, 7, 1, 2)
			s := &Session{receivers: []*receiver{r}}
			add := func(sec float64) time.Time { return start.Add(time.Duration(sec * float64(time.Second))) }
			for _, p := range tc.reports {
				pkt := &rtcp.SenderReport{SSRC: p.ssrc, RTPTime: uint32(uint64(p.rtp * 90000))}
				if p.ntp > -4e9 {
					pkt.NTPTime = ntp.Encode(add(p.ntp))
				}
				r.report(pkt, add(p.at))
			}
			at, rtp, ok := s.SenderTime(Track{ID: 3})
			var st Stats
			r.addTo(&st)
			if ok != tc.ok || st.ReportsUnusable != tc.bad {
				t.Fatalf("ok %v, %d unusable", ok, st.ReportsUnusable)
			}
			if last := len(tc.reports) - 1; ok {
				if want := tc.reports[last]; at.Sub(add(want.ntp)).Abs() > time.Millisecond || rtp != uint32(uint64(want.rtp*90000)) {
					t.Errorf("%v %d", at, rtp)
				}
			}
			if _, _, ok := s.SenderTime(Track{ID: 4}); ok {
				t.Error("a track that does not play has a time")
			}
		})
	}
}

func TestSenderTimeEndsWithItsStream(t *testing.T) {
	start := time.Now()
	for name, tc := range map[string]struct {
		ssrc uint32
		seq  uint16
		ok   bool
		lsr  bool // reports still name the last sender report
	}{
		"goes on":       {7, 3, true, true},
		"numbers anew":  {7, 40000, false, true},
		"another SSRC":  {8, 3, false, false},
		"late":          {7, 1, true, true},
		"after a break": {7, 2000, true, true},
	} {
		r := newReceiver(nil, nil, Track{ID: 3, ClockRate: 90000}, start)
		at := func(sec int) time.Time { return start.Add(time.Duration(sec) * time.Second) }
		report := func(sec int) {
			r.report(&rtcp.SenderReport{SSRC: 7, RTPTime: uint32(sec * 90000), NTPTime: ntp.Encode(at(sec))}, at(sec))
		}
		report(0) // before the first packet
		feed(r, 7, 1, 2)
		report(5)
		feed(r, tc.ssrc, tc.seq)
		s := &Session{receivers: []*receiver{r}}
		if _, _, ok := s.SenderTime(r.track); ok != tc.ok {
			t.Errorf("%s: ok %v", name, ok)
		}
		if lsr := r.reception(at(6))[0].LastSenderReport != 0; lsr != tc.lsr {
			t.Errorf("%s: last sender report named: %v", name, lsr)
		}
	}
}
