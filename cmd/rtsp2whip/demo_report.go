package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/internal/viewer"
)

// demoFrames is how many pictures of a camera must have come, one of them a
// complete key frame, for its picture to have arrived.
const demoFrames = 10

// demoReport tells once a second what flows, and at the end what came of it.
type demoReport struct {
	w     io.Writer
	began time.Time

	at      time.Time // of the previous line
	frames  map[string]uint64
	bytes   map[string]uint64
	told    map[string]string // the last problem told, by camera
	notes   map[string]string // what was told of its streams
	streams []viewer.Stream
	states  []publisher.Status
}

// watch prints lines until ctx ends. The receiver's counts are what is told:
// what only left the publisher has not arrived.
func (r *demoReport) watch(ctx context.Context, page *viewer.Server, s *site.Site) {
	r.frames, r.bytes, r.told = map[string]uint64{}, map[string]uint64{}, map[string]string{}
	r.notes = map[string]string{}
	r.at = r.began
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.look(page, s)
			return
		case now := <-tick.C:
			r.look(page, s)
			r.line(now)
		}
	}
}

func (r *demoReport) look(page *viewer.Server, s *site.Site) {
	r.streams, r.states = page.Streams(), s.Cameras()
}

// line prints one line, and one more for each camera with a new problem.
func (r *demoReport) line(now time.Time) {
	var live, viewers int
	var frames, bytes uint64
	for _, st := range r.streams {
		if st.Live && arrived(st) {
			live++
		}
		viewers += st.Viewers
		frames += st.Frames - r.frames[st.Name]
		bytes += st.Bytes + st.AudioBytes - r.bytes[st.Name]
		r.frames[st.Name], r.bytes[st.Name] = st.Frames, st.Bytes+st.AudioBytes
	}
	seconds := now.Sub(r.at).Seconds()
	r.at = now
	fmt.Fprintf(r.w, "%4.0f s  %d of %s live  %4.0f fps  %5.1f Mb/s  %s watching\n",
		now.Sub(r.began).Seconds(), live, count(len(r.streams), "camera"),
		float64(frames)/seconds, float64(bytes)*8/1e6/seconds, count(viewers, "player"))
	for i, st := range r.streams {
		problem, hint := r.problem(i)
		if problem != "" && problem != r.told[st.Name] {
			fmt.Fprintf(r.w, "        %s: %s\n", st.Name, problem)
			if hint != "" {
				fmt.Fprintf(r.w, "        hint: %s\n", hint)
			}
		}
		r.told[st.Name] = problem
		if note := r.states[i].StreamNote; note != r.notes[st.Name] {
			if r.notes[st.Name] = note; note != "" {
				fmt.Fprintf(r.w, "        %s: %s\n", st.Name, note)
			}
		}
	}
}

// problem says what is wrong with a camera, "" if nothing or nothing yet: the
// publisher knows why nothing is sent, the receiver what does not arrive.
func (r *demoReport) problem(i int) (problem, hint string) {
	if s := r.states[i]; s.Reason != "" {
		return s.Reason, s.Hint
	}
	if r.states[i].State != publisher.Live {
		return "", ""
	}
	return r.streams[i].Problem, ""
}

func arrived(st viewer.Stream) bool { return st.KeyFrames > 0 && st.Frames >= demoFrames }

// verdict is nil if every camera's picture arrived.
func (r *demoReport) verdict(after time.Duration) error {
	var missing []string
	for i, st := range r.streams {
		if arrived(st) {
			continue
		}
		problem, hint := r.problem(i)
		if problem == "" {
			problem = fmt.Sprintf("%s: %s, %s", r.states[i].State, count(int(st.Frames), "frame"), count(int(st.KeyFrames), "whole key frame"))
		}
		if hint != "" {
			problem += " (" + hint + ")"
		}
		missing = append(missing, "\n  "+st.Name+": "+problem)
	}
	if len(missing) > 0 {
		return fmt.Errorf("no picture from %d of %s within %s:%s",
			len(missing), count(len(r.streams), "camera"), after, strings.Join(missing, ""))
	}
	fmt.Fprintf(r.w, "The picture of every camera arrived.\n")
	return nil
}
