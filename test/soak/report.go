//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// text is what the terminal gets.
func (r *result) text(verdicts []verdict) string {
	var b strings.Builder
	b.WriteString("\n" + r.table() + "\n")
	for _, c := range r.causes() {
		if c.Fault == nil {
			fmt.Fprintf(&b, "unexplained: %s from %s to %s: %s\n", c.Camera, clock(c.From), clock(c.To), strings.Join(c.Said, " | "))
		}
	}
	for _, w := range r.Wrong {
		fmt.Fprintf(&b, "wrong: %s\n", w)
	}
	for _, v := range verdicts {
		fmt.Fprintf(&b, "%s  %s\n", mark(v), v.Text)
	}
	fmt.Fprintf(&b, "what the programs said is in %s\n", r.Artifacts)
	return b.String()
}

// allGaps lists every gap, for who looks for a fault.
func (r *result) allGaps() string {
	var b strings.Builder
	for _, c := range r.causes() {
		why := "unexplained"
		if c.Fault != nil {
			why = fmt.Sprintf("%s (%s, %.1f to %.1f)", c.Fault.Kind, c.Fault.What, c.Fault.Start.Seconds(), c.Fault.End.Seconds())
		}
		fmt.Fprintf(&b, "%s  from %.1f to %.1f, back after %.1f s: %s: %s\n", c.Camera, c.From.Seconds(), c.To.Seconds(), c.Took.Seconds(),
			why, strings.Join(c.Said, " | "))
	}
	return b.String()
}

func mark(v verdict) string {
	if v.Holds {
		return "ok  "
	}
	return "FAIL"
}

// table has a line for each kind of fault.
func (r *result) table() string {
	var b strings.Builder
	b.WriteString("| Fault | Made | Cameras hit | Went away | Live again after: p50 | p99 | longest |\n|---|---|---|---|---|---|---|\n")
	line := func(name string, t tally) {
		times := "– | – | –"
		if len(t.Recovered) > 0 {
			times = fmt.Sprintf("%s | %s | %s", seconds(quantile(t.Recovered, 50)), seconds(quantile(t.Recovered, 99)), seconds(quantile(t.Recovered, 100)))
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %s |\n", name, t.Made, t.Hit, t.Gaps, times)
	}
	all := r.tallies()
	made := slices.DeleteFunc(slices.Clone(all), func(t tally) bool { return t.Kind == stood })
	for _, t := range made {
		line(capital(string(t.Kind)), t)
	}
	line("All", sum(made))
	if len(made) < len(all) {
		line("Not made, but measured: "+string(stood), all[len(all)-1])
	}
	return b.String()
}

func (r *result) tallies() []tally {
	return tallies(slices.Concat(r.Faults, r.Still), r.causes(), r.Options.Cameras)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// capital begins a kind's name with one, unless it is a program's.
func capital(s string) string {
	if s == string(serverDown) {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// publish writes the page and its chart.
func (r *result) publish(dir string, verdicts []verdict) error {
	page := filepath.Join(dir, "reliability.md")
	if err := os.WriteFile(page, []byte(r.page(verdicts)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "reliability.svg"), []byte(r.chart()), 0o644)
}

// page is docs/reliability.md.
func (r *result) page(verdicts []verdict) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Reliability\n")
	say("<!-- Written by `make soak ARGS=\"-out ../docs\"`: run it again instead of editing. -->\n")
	say("`make soak` runs one rtsp2whip with %d simulated cameras beside a real livekit-server, and for %s makes a fault", r.Options.Cameras, spell(r.Options.Duration))
	say("every few seconds. Then it judges. This page is written by such a run.\n")
	say("| | |\n|---|---|")
	say("| Date | %s |", r.Date.Format("2006-01-02 15:04 MST"))
	say("| Machine | %s%s |", r.Machine, r.shared())
	say("| Versions | %s; livekit-server %s |", r.Version, r.LiveKit)
	say("| Plan | `-duration %s -cameras %d -seed %d` |", r.Options.Duration, r.Options.Cameras, r.Options.Seed)
	say("| Faults | %d%s |", len(r.Faults), r.skippedText())
	away, share := r.availability()
	say("| Cameras live | %.2f %% of the time, with all these faults; together they were away for %.0f min of %.0f |", 100*share, away.Minutes(), float64(r.Options.Cameras)*r.Length.Minutes())
	say("| CPU of rtsp2whip | %.0f %% of one core |", 100*r.CPU.Seconds()/r.Length.Seconds())
	say("| Pictures in the room | its viewer got %d, which is %.1f %% of what live cameras send |\n", r.Watched, 100*r.watched())
	say("![Cameras that are live, and resident memory, over the time of the run](reliability.svg)\n")
	say("## Judgements\n")
	for _, v := range verdicts {
		say("- %s%s", map[bool]string{true: "", false: "**Failed:** "}[v.Holds], v.Text)
	}
	say("\n## Faults and recoveries\n")
	b.WriteString(r.table())
	say("\nA camera *goes away* when it is not `live` in `/api/cameras`, which is asked every %.2g s. *Live* is", pollEvery.Seconds())
	say("rtsp2whip's own word, for which LiveKit's room has to show the camera with its tracks; how far that can be believed is")
	say("seen by the pictures that a viewer of the room got. A gap is on the line of the fault that began it; the time back to")
	say("live counts from the end of that fault, or of another that ended later and kept the camera away as well. A camera that")
	say("survives a fault without going away is in the third column only.\n")
	b.WriteString(r.method())
	return b.String()
}

// method says how it is done.
func (r *result) method() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("## What the faults are\n")
	say("| Fault | What happens | How often |\n|---|---|---|")
	for _, t := range traits {
		often := "drawn by chance"
		if t.every > 0 {
			often = "every " + spell(t.every)
		}
		say("| %s | %s | %s |", capital(string(t.kind)), t.what, often)
	}
	say("\nFaults that are drawn by chance come %.0f to %.0f s apart. Three of four hit a camera that has been live for %.0f s, the", soonest.Seconds(), latest.Seconds(), steadyFor.Seconds())
	say("fourth one that may be away for another reason; a camera has one fault of its own at a time. All others come in between.")
	say("The seed fixes the plan: which faults come when, and for how long. Which camera one hits depends on who is live then.\n")
	say("## How it is judged\n")
	say("- A gap is explained if it begins while a fault lasts that concerns the camera, or at most %.0f s after it: a dead path", after.Seconds())
	say("  is noticed after 5 s, a participant that is missing after 10 s. A broken file concerns nobody.")
	say("- The machine may have other work. Where the cameras' process, or the soak's own, could not run for more than %.0f ms, or", (tickEvery+late).Seconds()*1000)
	say("  a thread of rtsp2whip waited as long for a processor, it stood still; that explains what begins meanwhile or at most")
	say("  %.0f s later, and has a line of its own.", soon.Seconds())
	say("- Resident memory, goroutines and open files are read from `/metrics` every %.0f s. The slope is the median of the slopes", sampleEvery.Seconds())
	say("  between every two samples of the second half (Theil and Sen). It may rise by %.0f %% of the median there, or by %.0f MB,", 100*flatShare, gauges[0].Few)
	say("  %.0f goroutines and %.0f files if that is more.", gauges[1].Few, gauges[2].Few)
	say("- The room is judged by LiveKit's RoomService. Pictures are counted by a participant of the room that watches all")
	say("  cameras; when the server is killed it has to come back itself.")
	say("\nThe cameras play clips of 360p and 720p at %d pictures a second, some with sound; every fifth sends its media over UDP.", pictureRate)
	say("The box is a network namespace with an address of its own, livekit-server is at the other end of a link (`via: server`),")
	say("and WHIP goes through a proxy of the soak's own that can refuse and stall. `test/soak` has all of it.")
	return b.String()
}

// pictureRate is that of all clips, in a second.
const pictureRate = 25

// watched is the part of the pictures of live cameras that the viewer has got.
func (r *result) watched() float64 {
	_, share := r.availability()
	return float64(r.Watched) / (pictureRate * share * float64(r.Options.Cameras) * max(r.Length.Seconds(), 1))
}

// shared says so if others used the machine.
func (r *result) shared() string {
	if r.Usage.Machine <= 0 {
		return ""
	}
	share := float64(r.Usage.Ours) / float64(r.Usage.Machine)
	return fmt.Sprintf("; shared: %.0f %% of the processor time that it spent meanwhile was this run's", 100*min(share, 1))
}

func (r *result) skippedText() string {
	if r.Skipped == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more that could not be made because no camera was free or the server was away", r.Skipped)
}

// availability is how long cameras were away together, and the part of the time
// that they were not.
func (r *result) availability() (away time.Duration, share float64) {
	for _, g := range r.Gaps {
		away += g.To - g.From
	}
	return away, 1 - away.Seconds()/(float64(r.Options.Cameras)*max(r.Length.Seconds(), 1))
}

// spell is a duration for people.
func spell(d time.Duration) string {
	if d%time.Minute == 0 && d > time.Minute {
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
