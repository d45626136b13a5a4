package publisher

import (
	"strings"
	"testing"
	"time"
)

// clean and narrow are seconds.
var (
	clean  = second{sent: 100}
	narrow = second{sent: 100, lost: 0.1}
	severe = second{sent: 100, lost: 0.6}
)

func TestNarrowSecond(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    second
		want bool
	}{
		{"nothing is lost", second{sent: 500}, false},
		{"a radio link's loss", second{sent: 500, lost: 0.03, nacked: 20}, false},
		{"reports of loss", second{sent: 500, lost: 0.05}, true},
		{"a storm of retransmissions", second{sent: 500, nacked: 60}, true},
		{"above what the server allows", second{sent: 500, excess: "the camera sends more than 2 Mb/s"}, true},
		{"nothing is sent", second{lost: 0.5, nacked: 10}, false},
	} {
		if got := tt.s.narrow(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// feedSeconds feeds seconds, written as letters: n is a narrow one, s a severe one, any other a clean one.
// It returns the numbers of the seconds after which the stream changed.
func feedSeconds(s *streams, now *time.Time, seconds string) (changes []int) {
	for i, r := range seconds {
		*now = now.Add(time.Second)
		of := clean
		switch r {
		case 'n':
			of = narrow
		case 's':
			of = severe
		}
		if s.second(*now, of) {
			changes = append(changes, i+1)
			s.flows(*now)
		}
	}
	return changes
}

func TestPathIsNarrow(t *testing.T) {
	for _, tt := range []struct {
		name, seconds string
		at            int // the second of the change; 0: none
	}{
		{"clean", strings.Repeat(".", 100), 0},
		{"a key frame that is too large every other second", strings.Repeat("n.", 100), 0},
		{"two bad seconds of three", strings.Repeat("nn.", 10), 8},
		{"bad from the start", strings.Repeat("n", 10), 6},
		{"five bad seconds now and then", strings.Repeat("nnnnn.....", 10), 0},
		{"severe from the start", "ssss", 3},
		{"one severe second now and then", strings.Repeat("s...", 20), 0},
		{"severe and bad", "nsnsns", 6},
		{"bad after long", strings.Repeat(".", 1000) + "nnnnnnnn", 1006},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, now := &streams{playing: Main}, time.Now()
			got := feedSeconds(s, &now, tt.seconds)
			switch {
			case tt.at == 0 && len(got) > 0:
				t.Errorf("changes at %v", got)
			case tt.at > 0 && (len(got) != 1 || got[0] != tt.at || s.playing != Sub || !strings.Contains(s.note(), " %")):
				t.Errorf("changes at %v to %s: %s", got, s.playing, s.note())
			}
		})
	}
}

// With a way that never carries the main stream, it is tried more and more rarely, and
// never for long.
func TestTriesGetRarer(t *testing.T) {
	s, now := &streams{playing: Main}, time.Now()
	var tries []time.Duration // on the sub stream before each
	onMain, since := 0, now
	for range 6 * 3600 {
		now = now.Add(time.Second)
		of := clean
		if s.playing == Main {
			of, onMain = narrow, onMain+1
		}
		if s.second(now, of) {
			s.flows(now)
			if s.playing == Main {
				tries = append(tries, now.Sub(since))
			}
			since = now
		}
	}
	want := []time.Duration{5, 10, 20, 40, 60, 60, 60, 60}
	if len(tries) != len(want) {
		t.Fatalf("the main stream was tried after %v, want %v minutes", tries, want)
	}
	for i, w := range want {
		if tries[i] != w*time.Minute {
			t.Errorf("try %d after %s, want %d minutes", i, tries[i], w)
		}
	}
	if most := 6 + 3*len(want); onMain > most {
		t.Errorf("%d seconds of the main stream in six hours, want %d at most", onMain, most)
	}
}

// The waits begin afresh once the main stream has lasted.
func TestMainStreamThatLasts(t *testing.T) {
	s, now := &streams{playing: Main}, time.Now()
	feedSeconds(s, &now, strings.Repeat("n", 6)+strings.Repeat(".", 300)+"nnn"+strings.Repeat(".", 600))
	if s.playing != Main || s.wait != 2*mainFirst {
		t.Fatalf("%s, wait %s", s.playing, s.wait)
	}
	feedSeconds(s, &now, strings.Repeat(".", 601)+"nnnnnn")
	if s.playing != Sub || s.wait != mainFirst {
		t.Errorf("%s, wait %s after the main stream had lasted", s.playing, s.wait)
	}
}

// While anything is lost of the sub stream, the main one is not tried.
func TestSubStreamThatSuffers(t *testing.T) {
	s, now := &streams{playing: Main}, time.Now()
	feedSeconds(s, &now, "nnnnnn"+strings.Repeat(strings.Repeat(".", 50)+"n", 20))
	if s.playing != Sub {
		t.Fatal("the main stream was tried")
	}
	feedSeconds(s, &now, strings.Repeat(".", 60))
	if s.playing != Main {
		t.Error("the main stream was not tried after a clean minute")
	}
}

func TestFailures(t *testing.T) {
	unfit := failure{text: "the video is not H.264 but H265", unfit: true, slow: true}
	refused := failure{text: "connection refused"}
	missing := failure{text: "404 Not Found", slow: true}
	lost := failure{text: "reset by peer", flowed: true}
	type step struct {
		after  time.Duration
		f      failure // zero: the media flows
		want   Stream
		atOnce bool
	}
	for _, tt := range []struct {
		name  string
		steps []step
		note  string
	}{
		{"a camera that is away", []step{{0, refused, Main, false}, {0, lost, Main, false}, {0, missing, Main, false}}, ""},
		{"H.265 on the main stream", []step{{0, unfit, Sub, true}, {0, failure{}, Sub, false}},
			"the smaller stream (sub_url) plays: the video is not H.264 but H265"},
		{"and the camera is away now and then", []step{{0, unfit, Sub, true}, {0, failure{}, Sub, false},
			{time.Minute, lost, Sub, false}, {0, refused, Sub, false}, {0, failure{}, Sub, false},
			{5 * time.Minute, lost, Main, true}, {0, unfit, Sub, true}, {0, failure{}, Sub, false},
			{6 * time.Minute, lost, Sub, false}, {0, failure{}, Sub, false}, {5 * time.Minute, lost, Main, true}},
			""},
		{"somebody has set it to H.264", []step{{0, unfit, Sub, true}, {0, failure{}, Sub, false},
			{time.Hour, lost, Main, true}, {0, failure{}, Main, false}}, ""},
		{"a sub stream that is not there either", []step{{0, unfit, Sub, true}, {0, missing, Main, false},
			{0, unfit, Sub, false}, {0, missing, Main, false}, {0, unfit, Sub, false}}, "the smaller stream (sub_url) plays: the video is not H.264 but H265"},
		{"a camera that reboots", []step{{0, unfit, Sub, true}, {0, failure{}, Sub, false}, {0, lost, Sub, false},
			{0, refused, Sub, false}, {0, refused, Sub, false}, {0, refused, Main, false}, {0, refused, Sub, false}, {0, failure{}, Sub, false}},
			"the smaller stream (sub_url) plays: the video is not H.264 but H265"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, now := &streams{playing: Main}, time.Now()
			for i, step := range tt.steps {
				now = now.Add(step.after)
				atOnce := false
				if step.f == (failure{}) {
					s.flows(now)
				} else {
					atOnce = s.failed(now, step.f)
				}
				if s.playing != step.want || atOnce != step.atOnce {
					t.Fatalf("step %d: %s, at once %v", i, s.playing, atOnce)
				}
			}
			if s.note() != tt.note {
				t.Errorf("note: %s", s.note())
			}
		})
	}
}

// A sub stream that cannot be opened leaves the main one playing, however narrow the
// way, for longer and longer.
func TestSubStreamIsMissing(t *testing.T) {
	s, now := &streams{playing: Main}, time.Now()
	tries := 0
	for range 3 * 3600 {
		now = now.Add(time.Second)
		if s.second(now, narrow) {
			tries++
			if s.failed(now, failure{text: "404 Not Found", slow: true}) || s.playing != Main {
				t.Fatal("the main stream does not come back in the ordinary way")
			}
			s.flows(now)
		}
	}
	if tries > 7 {
		t.Errorf("the sub stream was tried %d times in three hours", tries)
	}
	if want := "the smaller stream (sub_url) cannot be used: 404 Not Found"; s.note() != want {
		t.Errorf("note: %s", s.note())
	}
}

// A main stream that is tried again and cannot be opened gives way at once.
func TestTrialThatDoesNotOpen(t *testing.T) {
	s, now := &streams{playing: Main}, time.Now()
	feedSeconds(s, &now, "nnnnnn"+strings.Repeat(".", 299))
	now = now.Add(time.Second)
	if !s.second(now, clean) || s.playing != Main {
		t.Fatal("no trial")
	}
	if !s.failed(now, failure{text: "453"}) || s.playing != Sub || s.wait != 2*mainFirst {
		t.Errorf("%s, wait %s", s.playing, s.wait)
	}
}
