package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// columns of a terminal that everybody has.
const columns = 80

// Text prints results for people as they come: in 80 columns, and fit for a ticket.
type Text struct {
	w      io.Writer
	colour bool
	part   Part
	begun  bool
	titles map[Part]string
	missed []string // steps in a row that were not reached
}

// NewText prints to w. Titles go beside the names of parts.
func NewText(w io.Writer, colour bool, titles map[Part]string) *Text {
	return &Text{w: w, colour: colour, titles: titles}
}

var partNames = map[Part]string{Box: "This box", Camera: "Camera", LiveKit: "LiveKit", Session: "Session", Room: "Room"}

// Marks and colours (SGR codes) of outcomes.
var marks = map[Outcome]struct{ mark, colour string }{
	OK: {"✓", "32"}, Warning: {"!", "33"}, Failed: {"✗", "31"}, NotReached: {"-", "2"},
}

const (
	nameWidth = 19 // of a step's name
	timeWidth = 8
	indent    = 2 + 2 + nameWidth + 1 + timeWidth + 2
)

// Print prints one result.
func (t *Text) Print(r Result) {
	if r.Outcome == NotReached && r.Part == t.part {
		t.missed = append(t.missed, r.Step)
		return
	}
	t.flush()
	if r.Part != t.part || !t.begun {
		if t.begun {
			fmt.Fprintln(t.w)
		}
		t.part, t.begun = r.Part, true
		fmt.Fprintln(t.w, t.paint("1", strings.TrimSpace(partNames[r.Part]+"  "+t.titles[r.Part])))
	}
	if r.Outcome == NotReached {
		t.missed = append(t.missed, r.Step)
		return
	}
	m, text, took := marks[r.Outcome], r.Text, ""
	if r.Took > 0 {
		took = shown(r.Took)
	}
	lines := wrap(text, columns-indent)
	if len(lines) == 0 {
		lines = []string{""}
	}
	fmt.Fprintln(t.w, strings.TrimRight(fmt.Sprintf("  %s %-*s %*s  %s", t.paint(m.colour, m.mark), nameWidth, r.Step, timeWidth, took, lines[0]), " "))
	t.more(lines[1:])
	if r.Hint != "" {
		t.more(wrap("→ "+r.Hint, columns-indent))
	}
}

// flush prints the steps that were not reached.
func (t *Text) flush() {
	if len(t.missed) == 0 {
		return
	}
	m := marks[NotReached]
	for i, l := range wrap("not reached: "+strings.Join(t.missed, ", "), columns-4) {
		if i > 0 {
			m.mark = " "
		}
		fmt.Fprintf(t.w, "  %s %s\n", t.paint(m.colour, m.mark), l)
	}
	t.missed = nil
}

// more prints lines below the first.
func (t *Text) more(lines []string) {
	for _, l := range lines {
		fmt.Fprintln(t.w, strings.Repeat(" ", indent)+l)
	}
}

func (t *Text) paint(code, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// shown is a time for people.
func shown(ms float64) string {
	switch {
	case ms < 1:
		return "<1 ms"
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// Summary prints what it comes to.
func (t *Text) Summary(r Report) {
	t.flush()
	failed, warned := r.Count(Failed), r.Count(Warning)
	fmt.Fprintln(t.w)
	switch {
	case failed > 0:
		first := r.First(Failed)
		what := fmt.Sprintf("%s failed: %s, %s.", count(failed, "step"), partNames[first.Part], first.Step)
		if first.Hint != "" {
			what += " Next: " + first.Hint + "."
		}
		t.block("31", what)
	case warned > 0 && r.Count(NotReached) == 0:
		t.block("33", fmt.Sprintf("It works, with %s: see the lines with !.", count(warned, "warning")))
	case r.Count(NotReached) > 0:
		t.block("33", "It was not finished: see the steps that were not reached.")
	default:
		t.block("32", "All is well.")
	}
	fmt.Fprintf(t.w, "%s UTC, took %.1f s\n", r.Started.UTC().Format(time.DateTime), r.Took/1000)
}

func (t *Text) block(colour, text string) {
	for _, l := range wrap(text, columns) {
		fmt.Fprintln(t.w, t.paint(colour, l))
	}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// wrap breaks a text into lines of at most so many columns. Words that are longer are
// broken.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		for utf8.RuneCountInString(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			runes := []rune(word)
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// WriteJSON prints a report for programs.
func WriteJSON(w io.Writer, r Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		OK bool `json:"ok"`
		Report
	}{r.Count(Failed) == 0, r})
}
