package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	date := func(ahead time.Duration) string { return now.Add(-ahead).Format("Mon, 02 Jan 2006 15:04:05 GMT") }
	for _, test := range []struct {
		date string
		want Outcome
		text string
	}{
		{date(0), OK, "agree"},
		{date(3 * time.Second), OK, "agree"},
		{date(20 * time.Second), Warning, "ahead of"},
		{date(-20 * time.Second), Warning, "behind"},
		{date(-50 * 365 * 24 * time.Hour), Failed, "behind"},
		{date(2 * time.Minute), Failed, "ahead of"},
		{"", OK, "does not tell"},
		{"yesterday", OK, "does not tell"},
	} {
		r := clock(test.date, now, now.Add(200*time.Millisecond))
		if r.Outcome != test.want || !strings.Contains(r.Text, test.text) {
			t.Errorf("%q: %s, %q", test.date, r.Outcome, r.Text)
		}
	}
}

// TestMeter measures streams of known properties: 25 frames a second of 3 packets.
func TestMeter(t *testing.T) {
	base := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	feed := func(rate float64, change func(frame, packet int, ts *uint32, marker *bool)) measured {
		m := &meter{clockRate: 90000}
		for f := range 250 {
			at := base.Add(time.Duration(f) * 40 * time.Millisecond)
			for p := range 3 {
				ts, marker := uint32(float64(f)*3600*rate), p == 2
				if change != nil {
					change(f, p, &ts, &marker)
				}
				m.packet(ts+4294000000, marker, 1000, at.Add(time.Duration(f%7)*time.Millisecond)) // wraps
			}
		}
		return m.measured()
	}
	good := feed(1, nil)
	if round(good.fps, 0) != 25 || good.frames != 250 || good.jumps != 0 || round(good.bitrate/1e5, 0) != 6 {
		t.Errorf("%+v", good)
	}
	for _, test := range []struct {
		name    string
		m       measured
		markers Outcome
		pace    Outcome
		text    string
	}{
		{"good", good, OK, OK, "keep pace"},
		{"fast", feed(1.1, nil), OK, Warning, "10 % faster"},
		{"slow", feed(0.8, nil), OK, Warning, "slower"},
		{"unmarked", feed(1, func(_, _ int, _ *uint32, m *bool) { *m = false }), Warning, OK, ""},
		{"all marked", feed(1, func(_, _ int, _ *uint32, m *bool) { *m = true }), Warning, OK, ""},
		{"half marked", feed(1, func(f, _ int, _ *uint32, m *bool) { *m = *m && f%2 == 0 }), Warning, OK, ""},
		{"jumps", feed(1, func(f, _ int, ts *uint32, _ *bool) {
			if f >= 100 {
				*ts += 900000
			}
		}), OK, Warning, "jump 1 times"},
	} {
		if r := markersOf(test.m); r.Outcome != test.markers {
			t.Errorf("%s: markers %s: %s", test.name, r.Outcome, r.Text)
		}
		if r := paceOf(test.m); r.Outcome != test.pace || !strings.Contains(r.Text, test.text) {
			t.Errorf("%s: timestamps %s: %s", test.name, r.Outcome, r.Text)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"a bb ccc", []string{"a bb", "ccc"}},
		{"äöüßé x", []string{"äöüßé", "x"}},
		{"a 1234567890123 b", []string{"a", "12345", "67890", "123 b"}},
	} {
		if got := wrap(test.text, 5); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q", test.text, got)
		}
	}
}

// TestOneLine: what a server writes cannot draw on the terminal.
func TestOneLine(t *testing.T) {
	if got := oneLine("a\x1b[31m\r\nb\u009bc\tü"); strings.ContainsAny(got, "\x1b\r\n\u009b\t") || !strings.HasSuffix(got, "ü") {
		t.Errorf("%q", got)
	}
}

func TestBoxWarnings(t *testing.T) {
	if r := (machine{total: 1 << 30, free: 8 << 20}).memory(); r.Outcome != Warning {
		t.Errorf("%+v", r)
	}
	if r := (machine{total: 1 << 30, free: 1 << 29, limit: 32 << 20}).memory(); r.Outcome != Warning || !strings.Contains(r.Text, "control group") {
		t.Errorf("%+v", r)
	}
	if r := (machine{total: 1 << 30, free: 1 << 29}).memory(); r.Outcome != OK {
		t.Errorf("%+v", r)
	}
}

// TestSheet: results are told in the plan's order, whatever order they come in, and
// what is missing is not reached.
func TestSheet(t *testing.T) {
	var told []string
	s := newSheet([]step{{Box, "a"}, {Camera, "b"}, {Camera, "c"}, {Room, "d"}}, func(r Result) { told = append(told, r.Step+" "+string(r.Outcome)) })
	s.put(Camera, "c", good(0, "", nil))
	s.put(Box, "a", good(0, "", nil))
	s.put(Box, "a", good(0, "", nil).fails("late"))
	if !slices.Equal(told, []string{"a ok"}) {
		t.Errorf("%q", told)
	}
	s.close(Camera)
	s.finish()
	if !slices.Equal(told, []string{"a ok", "b not reached", "c ok", "d not reached"}) {
		t.Errorf("%q", told)
	}
}
