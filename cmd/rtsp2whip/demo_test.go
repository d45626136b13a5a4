package main

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/viewer"
)

func TestDemoVerdict(t *testing.T) {
	good := viewer.Stream{Name: "gate", Live: true, Frames: 200, KeyFrames: 4}
	for _, tt := range []struct {
		name   string
		stream viewer.Stream
		status publisher.Status
		want   string // "" for a pass
	}{
		{"all is well", good, publisher.Status{State: publisher.Live}, ""},
		{"it came and went", good, publisher.Status{State: publisher.Reconnecting, Reason: "gone"}, ""},
		{"the camera refuses", viewer.Stream{Name: "gate", Problem: "nobody has published this stream yet"},
			publisher.Status{State: publisher.Reconnecting, Reason: "401 Unauthorized", Hint: "check the password"},
			"gate: 401 Unauthorized (check the password)"},
		{"nothing arrives", viewer.Stream{Name: "gate", Live: true, Problem: "the publisher is connected and sends nothing"},
			publisher.Status{State: publisher.Live}, "gate: the publisher is connected and sends nothing"},
		{"no key frame", viewer.Stream{Name: "gate", Live: true, Frames: 100}, publisher.Status{State: publisher.Live},
			"gate: live: 100 frames, 0 whole key frames"},
		{"too few", viewer.Stream{Name: "gate", Live: true, Frames: 1, KeyFrames: 1}, publisher.Status{State: publisher.Live},
			"gate: live: 1 frame, 1 whole key frame"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := &demoReport{w: &out, streams: []viewer.Stream{tt.stream}, states: []publisher.Status{tt.status}}
			err := r.verdict(20 * time.Second)
			if tt.want == "" {
				if err != nil || !strings.Contains(out.String(), "arrived") {
					t.Errorf("%v, %q", err, out.String())
				}
				return
			}
			if want := "no picture from 1 of 1 camera within 20s:\n  " + tt.want; err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

func TestDemoLine(t *testing.T) {
	var out strings.Builder
	began := time.Now()
	r := &demoReport{
		w: &out, began: began, at: began,
		frames: map[string]uint64{}, bytes: map[string]uint64{}, told: map[string]string{}, notes: map[string]string{},
		states: []publisher.Status{{State: publisher.Live, StreamNote: "the smaller stream plays"}, {State: publisher.Reconnecting, Reason: "refused", Hint: "look"}},
		streams: []viewer.Stream{
			{Name: "gate", Live: true, Frames: 25, KeyFrames: 1, Bytes: 125000, Viewers: 1},
			{Name: "yard"},
		},
	}
	r.line(began.Add(time.Second))
	r.streams[0].Frames, r.streams[0].Bytes = 75, 375000
	r.line(began.Add(3 * time.Second))
	const want = "   1 s  1 of 2 cameras live    25 fps    1.0 Mb/s  1 player watching\n" +
		"        gate: the smaller stream plays\n" +
		"        yard: refused\n        hint: look\n" +
		"   3 s  1 of 2 cameras live    25 fps    1.0 Mb/s  1 player watching\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestDemoTakesAFreePortWhenItsOwnIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", demoAddr)
	if err == nil {
		defer func() { _ = taken.Close() }()
	} // else somebody else has it, which is as good
	l, err := (&demoCmd{}).listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if host, _, _ := net.SplitHostPort(l.Addr().String()); host != "127.0.0.1" || l.Addr().String() == demoAddr {
		t.Errorf("listens on %s", l.Addr())
	}
	// A port that was asked for is not replaced.
	_, err = (&demoCmd{Listen: l.Addr().String()}).listen()
	var usage usageError
	if err == nil || errors.As(err, &usage) {
		t.Errorf("a taken port that was asked for: %v", err)
	}
}

func TestOpener(t *testing.T) {
	for goos, want := range map[string]string{"linux": "xdg-open", "freebsd": "xdg-open", "darwin": "open", "windows": "rundll32"} {
		if got, _ := opener(goos); got != want {
			t.Errorf("%s: %s, want %s", goos, got, want)
		}
	}
}
