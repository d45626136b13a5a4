package doctor

import (
	"bytes"
	"context"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/camhttp"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/keyframe"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPassword is a word that is in no report by chance.
const testPassword = "h0rse-staple"

// start starts a simulated camera.
func start(t *testing.T, name string, overrides ...camsim.Override) *camsim.Running {
	t.Helper()
	overrides = append(overrides, func(c *camsim.Config) {
		if c.Password != "" {
			c.Password = testPassword
		}
	})
	cam, err := camsim.StartPersonality(name, overrides...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cam.Stop)
	return cam
}

// of is the configuration for a simulated camera.
func of(cam *camsim.Running) Config {
	user, password := cam.Credentials()
	cfg := Config{
		Source: rtspsrc.Config{URL: cam.URL(), Username: user, Password: password, TLS: rtspsrc.TLSConfig{SHA256: cam.Fingerprint()}, VideoCodec: rtspsrc.H264},
		Audio:  true,
	}
	at, _ := url.Parse(cam.URL())
	cfg.Web = keyframe.Camera{RTSP: at, Username: user, Password: password, HTTP: camhttp.New(camhttp.Config{Username: user, Password: password})}
	if web := cam.WebURL(); web != "" {
		cfg.Web.Web, _ = url.Parse(web)
	} else {
		cfg.KeyFrame = "rtcp" // nobody else's web server on this machine
	}
	return cfg
}

// printed is a report and its texts.
type printed struct {
	Report
	text, json string
}

// run runs, holds the run to its limits, and prints it in both ways.
func run(t *testing.T, cfg Config) printed {
	t.Helper()
	var text, json bytes.Buffer
	p := NewText(&text, false, map[Part]string{Camera: "rtsp://camera/stream"})
	var told []Result
	began := time.Now()
	r := Run(context.Background(), cfg, func(r Result) { told = append(told, r); p.Print(r) })
	if took := time.Since(began); took > Limit {
		t.Errorf("took %s", took)
	}
	p.Summary(r)
	if err := WriteJSON(&json, r); err != nil {
		t.Error(err)
	}
	if len(told) != len(r.Results) || len(told) != len(plan(cfg)) {
		t.Errorf("%d steps, %d told, %d planned", len(r.Results), len(told), len(plan(cfg)))
	}
	out := printed{r, text.String(), json.String()}
	out.check(t, cfg)
	return out
}

// check holds every report to what all of them promise.
func (p printed) check(t *testing.T, cfg Config) {
	t.Helper()
	for i, line := range strings.Split(p.text, "\n") {
		if utf8.RuneCountInString(line) > columns || strings.ContainsRune(line, '\x1b') || strings.TrimRight(line, " ") != line {
			t.Errorf("line %d: %q", i+1, line)
		}
	}
	secrets := whiptest.Secrets()
	if cfg.Source.Password != "" {
		secrets = append(secrets, cfg.Source.Password)
	}
	if cfg.Target != nil && cfg.Target.Token != "" {
		secrets = append(secrets, cfg.Target.Token)
	}
	for _, s := range secrets {
		if len(s) > 3 && (strings.Contains(p.text, s) || strings.Contains(p.json, s)) {
			t.Errorf("shows the secret %q", s)
		}
	}
	for _, r := range p.Results {
		switch {
		case r.Outcome == Failed && (r.Text == "" || r.Hint == ""):
			t.Errorf("%s, %s failed without a word on why, or what to do: %q, %q", r.Part, r.Step, r.Text, r.Hint)
		case r.Outcome == Warning && r.Hint == "":
			t.Errorf("%s, %s: a warning without what to do", r.Part, r.Step)
		case r.Outcome == NotReached && (r.Text != "" || r.Took != 0 || r.Facts != nil):
			t.Errorf("%s, %s was not reached: %+v", r.Part, r.Step, r)
		}
	}
}

// step is one result.
func (p printed) step(t *testing.T, part Part, name string) Result {
	t.Helper()
	for _, r := range p.Results {
		if r.Part == part && r.Step == name {
			return r
		}
	}
	t.Fatalf("no step %s, %s in\n%s", part, name, p.text)
	return Result{}
}

// expect holds a step to an outcome and words of its text and hint.
func (p printed) expect(t *testing.T, part Part, name string, want Outcome, words ...string) {
	t.Helper()
	r := p.step(t, part, name)
	if r.Outcome != want {
		t.Errorf("%s, %s: %s, want %s, in\n%s", part, name, r.Outcome, want, p.text)
	}
	for _, w := range words {
		if !strings.Contains(r.Text+" → "+r.Hint, w) {
			t.Errorf("%s, %s: no %q in %q → %q", part, name, w, r.Text, r.Hint)
		}
	}
}

// What differs from run to run, in golden files.
var masks = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`(?m)^(  [✓!✗-] .{19}) .{8}(  |$)`), "$1        …$2"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST:PORT"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "DATE"},
	{regexp.MustCompile(`took [\d.]+ s`), "took N s"},
	{regexp.MustCompile(`[\d.]+ (Mb/s|packets|frames a second|s \(|%)`), "N $1"},
	{regexp.MustCompile(`over [\d.]+ s`), "over N s"},
	{regexp.MustCompile(`\(\d+ frames\)`), "(N frames)"},
}

// golden compares a report, without the box it was made on, with a file.
func (p printed) golden(t *testing.T, name string) {
	t.Helper()
	_, text, ok := strings.Cut(p.text, "\nCamera")
	if !ok {
		t.Fatalf("no camera in\n%s", p.text)
	}
	text = "Camera" + text
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.by)
	}
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s (go test -update writes it anew) has\n%s\nbut now it is\n%s", file, want, text)
	}
}
