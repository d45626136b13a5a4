package doctor

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/sdkroom"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// Outcome is how a step went.
type Outcome string

// The outcomes.
const (
	OK         Outcome = "ok"
	Warning    Outcome = "warning"     // works, but somebody should act
	Failed     Outcome = "failed"      // does not work
	NotReached Outcome = "not reached" // could not be tried, because of what failed before
)

// Part is a section of the report.
type Part string

// The parts, in order.
const (
	Box     Part = "box"
	Camera  Part = "camera"
	LiveKit Part = "livekit"
	Session Part = "session" // WHIP, or LiveKit's SDK
	Room    Part = "room"
)

// Result is what became of a step.
type Result struct {
	Part    Part    `json:"part"`
	Step    string  `json:"step"`
	Outcome Outcome `json:"outcome"`
	// Took is in milliseconds, 0 where no time can be given.
	Took float64 `json:"ms,omitempty"`
	// Text has the facts, or what went wrong, for people; Hint what to do about it.
	Text string `json:"text,omitempty"`
	Hint string `json:"hint,omitempty"`
	// Facts are the same for programs.
	Facts Facts `json:"facts,omitempty"`
}

// Facts are values by name; the unit, if any, ends the name.
type Facts map[string]any

// Report is a whole run.
type Report struct {
	Started time.Time `json:"started"`
	Took    float64   `json:"ms"`
	Results []Result  `json:"results"`
}

// Count is how many steps had this outcome.
func (r Report) Count(o Outcome) int {
	n := 0
	for _, s := range r.Results {
		if s.Outcome == o {
			n++
		}
	}
	return n
}

// First is the first step with this outcome; Step is "" if there is none.
func (r Report) First(o Outcome) Result {
	for _, s := range r.Results {
		if s.Outcome == o {
			return s
		}
	}
	return Result{}
}

// millis is a time in milliseconds, to a tenth.
func millis(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*10) / 10
}

// good is a result without anything to complain of.
func good(took time.Duration, text string, facts Facts) Result {
	return Result{Outcome: OK, Took: millis(took), Text: text, Facts: facts}
}

// but turns a result into a warning.
func (r Result) but(hint string) Result {
	r.Outcome, r.Hint = Warning, hint
	return r
}

// fails turns a result into a failure.
func (r Result) fails(hint string) Result {
	r.Outcome, r.Hint = Failed, hint
	return r
}

// bad is a failure. Errors of this program's packages know what to do themselves;
// hint is for the others.
func bad(took time.Duration, err error, hint string) Result {
	var hinting interface{ Hint() string }
	if errors.As(err, &hinting) && hinting.Hint() != "" {
		hint = hinting.Hint()
	}
	return Result{Outcome: Failed, Took: millis(took), Text: cause(err), Hint: hint}
}

// cause is an error without the step and the URL that it begins with, which stand
// beside it already.
func cause(err error) string {
	text := err.Error()
	var (
		re *rtspsrc.Error
		we *whip.Error
		se *sdkroom.Error
	)
	switch {
	case errors.As(err, &re):
		return strings.TrimPrefix(text, re.Op+" "+re.URL+": ")
	case errors.As(err, &we):
		return strings.TrimPrefix(text, we.Op+" "+we.URL+": ")
	case errors.As(err, &se):
		return strings.TrimPrefix(text, se.Op+" "+se.URL+": ")
	}
	return text
}

// step is one line of the plan.
type step struct {
	part Part
	name string
}

// sheet gathers results in the order of the plan, whatever order they come in.
type sheet struct {
	mu   sync.Mutex
	rows []Result
	done []bool
	told int // rows that emit has been given
	emit func(Result)
}

func newSheet(plan []step, emit func(Result)) *sheet {
	s := &sheet{done: make([]bool, len(plan)), emit: emit}
	if emit == nil {
		s.emit = func(Result) {}
	}
	for _, p := range plan {
		s.rows = append(s.rows, Result{Part: p.part, Step: p.name, Outcome: NotReached})
	}
	return s
}

// put notes how a step went, the first time.
func (s *sheet) put(part Part, name string, r Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.rows, func(row Result) bool { return row.Part == part && row.Step == name })
	if i < 0 || s.done[i] {
		return
	}
	r.Part, r.Step = part, name
	r.Text, r.Hint = oneLine(r.Text), oneLine(r.Hint)
	s.rows[i], s.done[i] = r, true
	s.tell()
}

// close says that no more results of a part will come.
func (s *sheet) close(part Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if s.rows[i].Part == part {
			s.done[i] = true
		}
	}
	s.tell()
}

// tell emits what can be emitted.
func (s *sheet) tell() {
	for s.told < len(s.rows) && s.done[s.told] {
		s.emit(s.rows[s.told])
		s.told++
	}
}

// finish closes all parts and returns the rows.
func (s *sheet) finish() []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.done {
		s.done[i] = true
	}
	s.tell()
	return slices.Clone(s.rows)
}

// oneLine is a text without control characters: servers and cameras write it too.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }), " ")
}
