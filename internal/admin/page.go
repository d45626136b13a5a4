package admin

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

//go:embed page.html
var pageHTML string

//go:embed page.js
var pageJS []byte

//go:embed preview.js
var previewJS []byte

func script(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(text)
	}
}

//go:embed style.css
var styleCSS []byte

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(styleCSS)
}

// row is one camera as the page shows it: words and figures, ready to print.
type row struct {
	Name, State, Class, Since  string
	Reason, Hint, Notes        string
	Picture, Rate, Key         string
	Target, Session, Loss, RTT string
	Spark                      string // path of the last ten minutes' bitrate; "" for none
	SparkFrom                  int    // where it begins
}

// happening is one event as the page shows it.
type happening struct {
	Class, ISO, Time, Camera, State, Reason string
}

// view is all that the page shows.
type view struct {
	Version, Uptime, Title, Problem, Zone string
	Live, All, Waiting, Bad               int
	Wrong                                 bool // only what is wrong is listed
	Token                                 bool // one can log out
	Preview                               bool // cameras can be looked at
	Rows                                  []row
	Events                                []happening
}

// shownEvents is how many of the events the page lists.
const shownEvents = 50

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	view := view{
		Version: s.cfg.Version, Uptime: span(now.Sub(s.cfg.Started)), Problem: s.cfg.Problem(), Zone: now.Format("MST"),
		Wrong: r.URL.Query().Get("show") == "wrong", Token: !s.cfg.Token.Empty(), Preview: s.cfg.Previews != nil,
	}
	for _, st := range s.cfg.Cameras() {
		view.All++
		switch st.State {
		case publisher.Live:
			view.Live++
		case publisher.Waiting:
			view.Waiting++
		}
		if !st.State.Healthy() {
			view.Bad++
		} else if view.Wrong {
			continue
		}
		row := rowOf(st, now)
		row.Spark, row.SparkFrom = sparkline(s.watch.history(st.Name).Bitrate)
		view.Rows = append(view.Rows, row)
	}
	events := s.watch.recent("", shownEvents)
	// Cameras are looked at one after another, not in the order of what happens to them.
	slices.SortStableFunc(events, func(a, b Event) int { return b.Time.Compare(a.Time) })
	for _, e := range events {
		h := happening{class(e.State), e.Time.Format(time.RFC3339), e.Time.Format("2 Jan 15:04:05"), e.Camera, string(e.State), e.Reason}
		view.Events = append(view.Events, h)
	}
	view.Title = fmt.Sprintf("%d of %d live", view.Live, view.All)
	if view.Waiting > 0 {
		view.Title += fmt.Sprintf(", %d waiting for viewers", view.Waiting)
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, view); err != nil {
		s.cfg.Logger.Error("status page", "err", err)
		plain(w, http.StatusInternalServerError, "the page could not be made")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page.Bytes())
}

func rowOf(s publisher.Status, now time.Time) row {
	r := row{
		Name: s.Name, State: string(s.State), Since: span(now.Sub(s.Since)),
		Reason: s.Reason, Hint: s.Hint, Target: s.Target, Class: class(s.State),
	}
	notes := slices.Clone(s.Notes)
	for _, n := range []string{s.AudioNote, s.StreamNote} {
		if n != "" {
			notes = append(notes, n)
		}
	}
	r.Notes = strings.Join(notes, "; ")
	if s.Width > 0 {
		r.Picture = fmt.Sprintf("%d×%d %s", s.Width, s.Height, s.Codec)
	}
	if s.Audio != "" {
		r.Picture += ", " + s.Audio
	}
	if s.State == publisher.Live {
		r.Rate = fmt.Sprintf("%.0f fps, %.2f Mb/s", s.FPS, s.Bitrate/1e6)
		r.Loss = fmt.Sprintf("%d / %.1f %%", s.Lost, s.FractionLost*100)
	}
	if s.KeyFrameInterval > 0 {
		r.Key = fmt.Sprintf("%.1f s", s.KeyFrameInterval.Seconds())
	}
	if way := s.Prompt.Way; way != "" {
		r.Key = strings.TrimPrefix(fmt.Sprintf("%s, on demand in %.1f s (%s)", r.Key, s.Prompt.Delay.Seconds(), way), ", ")
	}
	if s.RTT > 0 {
		r.RTT = fmt.Sprintf("%.0f ms", float64(s.RTT.Microseconds())/1000)
	}
	if !s.SessionSince.IsZero() {
		r.Session = span(now.Sub(s.SessionSince))
	}
	return r
}

// sparkline draws samples into a box of historyLen-1 by 24, the newest at its right
// edge, from zero to the highest.
func sparkline(samples []float32) (path string, from int) {
	if len(samples) < 2 || slices.Max(samples) <= 0 {
		return "", 0
	}
	top := slices.Max(samples)
	from = historyLen - len(samples)
	var b strings.Builder
	for i, v := range samples {
		fmt.Fprintf(&b, "%c%d %.1f", "ML"[min(i, 1)], from+i, 23-22*max(v, 0)/top)
	}
	return b.String(), from
}

// class groups the states by what an operator should feel about them.
func class(s publisher.State) string {
	switch s {
	case publisher.Live, publisher.Waiting:
		return "good"
	case publisher.Stalled, publisher.Reconnecting:
		return "bad"
	default:
		return "wait"
	}
}

// span writes a duration with its two largest units.
func span(d time.Duration) string {
	s := int(max(d, 0).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
	}
}

//go:embed login.html
var loginHTML string

var loginTemplate = template.Must(template.New("login").Parse(loginHTML))

// loginPage asks for the token; wrong is what to say about the last try.
func (s *Server) loginPage(w http.ResponseWriter, status int, wrong string) {
	var page bytes.Buffer
	if err := loginTemplate.Execute(&page, wrong); err != nil {
		s.cfg.Logger.Error("login page", "err", err)
		plain(w, http.StatusInternalServerError, "the page could not be made")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}
