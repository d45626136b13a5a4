package personalities_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/personalities"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

var (
	update = flag.Bool("update", false, "write docs/cameras.md")
	only   = flag.String("camera", "", "play these cameras only, separated by commas, and write nothing")
)

const page = "../../docs/cameras.md"

// atOnce is how many cameras play side by side: most wait more than they work.
const atOnce = 16

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pin(c *site.Camera, cam *camsim.Running) { c.TLS.SHA256 = cam.Fingerprint() }

func offers(profile string) func(outcome) error {
	return func(o outcome) error {
		_, after, _ := strings.Cut(o.offer, "profile-level-id=")
		if !strings.HasPrefix(strings.ToLower(after), profile) {
			return fmt.Errorf("profile-level-id %.6s is offered first, want %s", after, profile)
		}
		return nil
	}
}

func within(limit time.Duration) func(outcome) error {
	return func(o outcome) error {
		if o.First > limit {
			return fmt.Errorf("the first picture took %v, want %v", o.First, limit)
		}
		return nil
	}
}

func oneStream(o outcome) error {
	if o.Streams != 1 {
		return fmt.Errorf("%d streams arrived", o.Streams)
	}
	return nil
}

// TestEveryCamera plays every personality to a WHIP receiver. Each either plays
// as it should, or ends in the right sentence; docs/cameras.md says which.
func TestEveryCamera(t *testing.T) {
	t.Parallel()
	all := camsim.Personalities()
	if *only != "" {
		names := strings.Split(*only, ",")
		all = slices.DeleteFunc(all, func(p camsim.Personality) bool { return !slices.Contains(names, p.Name) })
	}
	outcomes := make([]outcome, len(all))
	errs := make([]error, len(all))
	// Those that take longest begin first.
	order := make([]int, len(all))
	for i := range all {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(expectations[all[b].Name].time(), expectations[all[a].Name].time())
	})
	var running sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for _, i := range order {
		p := all[i]
		if expectations[p.Name].tight {
			continue
		}
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			outcomes[i], errs[i] = play(t.Context(), p, expectations[p.Name])
		})
	}
	running.Wait()
	for i, p := range all {
		if want := expectations[p.Name]; want.tight { // the others would be in its way
			outcomes[i], errs[i] = play(t.Context(), p, want)
		}
	}

	table, err := personalities.ReadTable(page)
	if err != nil {
		t.Fatal(err)
	}
	var rows []personalities.Row
	for i, p := range all {
		row := personalities.Row{Name: p.Name, Wrong: sentence(p.What), Does: verdict(p, expectations[p.Name], outcomes[i])}
		t.Run(p.Name, func(t *testing.T) {
			if errs[i] != nil {
				t.Error(errs[i])
			}
			for _, err := range judge(p, expectations[p.Name], outcomes[i]) {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("%+v\n%s", outcomes[i].Report, outcomes[i].log)
			}
			row.First = figure(outcomes[i].First)
			if old := table.Row(p.Name); old != nil {
				row.Peer = old.Peer
			}
			if old := table.Row(p.Name); !*update && (old == nil || old.Wrong != row.Wrong || old.Does != row.Does) {
				t.Errorf("docs/cameras.md says otherwise; run this test with -update\nhave %+v\nwant %+v", old, row)
			}
		})
		rows = append(rows, row)
	}
	if *only != "" {
		return
	}
	for name := range expectations {
		if !slices.ContainsFunc(all, func(p camsim.Personality) bool { return p.Name == name }) {
			t.Errorf("%s is no camera", name)
		}
	}
	switch {
	case *update:
		table.Rows = rows
		if err := table.Write(page); err != nil {
			t.Fatal(err)
		}
	case len(table.Rows) != len(rows):
		t.Errorf("docs/cameras.md has %d cameras, there are %d", len(table.Rows), len(rows))
	}
}

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// verdict is what the page says that rtsp2whip does.
func verdict(p camsim.Personality, want expectation, o outcome) string {
	if p.Expect != camsim.Plays {
		text := want.does + " Says: *" + address.ReplaceAllString(o.status.Reason, "CAMERA") + "*"
		if o.status.Hint != "" {
			text += " Hint: *" + o.status.Hint + "*"
		}
		return strings.TrimSpace(text)
	}
	if want.does == "" {
		return "Plays."
	}
	return want.does
}

// figure rounds a time for people.
func figure(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// TestWrongCertificate: a camera with another certificate than the pinned one is
// refused before anything is sent to it.
func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	i := slices.IndexFunc(camsim.Personalities(), func(p camsim.Personality) bool { return p.Name == "rtsps-selfsigned" })
	p := camsim.Personalities()[i]
	p.Expect = "certificate"
	o, err := play(ctx, p, expectation{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range judge(p, expectation{}, o) {
		t.Error(err)
	}
	if o.posts > 0 || o.status.Hint == "" {
		t.Errorf("%d sessions, hint %q", o.posts, o.status.Hint)
	}
}

// TestBFramesLeftOut: what is refused plays once the site says so, at a lower
// frame rate.
func TestBFramesLeftOut(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(camsim.Personalities(), func(p camsim.Personality) bool { return p.Name == "b-frames" })
	p := camsim.Personalities()[i]
	p.Expect = camsim.Plays
	drop := func(c *site.Camera, _ *camsim.Running) { c.BFrames = site.BFramesDrop }
	for _, o := range playAll(t, expectation{gaps: true, frames: 30, prepare: drop}, p) {
		if o.Skipped < o.Pictures {
			t.Errorf("%d pictures arrived, %d were left out, which is not two of three", o.Pictures, o.Skipped)
		}
	}
}
