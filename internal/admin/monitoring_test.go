package admin

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

// families are the metrics that a program with cameras has, by name.
func families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if _, err := New(Config{Cameras: twoCameras, Version: "v1.2.3", Started: time.Now(), Registry: r}); err != nil {
		t.Fatal(err)
	}
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*dto.MetricFamily)
	for _, f := range all {
		byName[f.GetName()] = f
	}
	return byName
}

var metricName = regexp.MustCompile(`\b(rtsp2whip|process|go)_[a-z_0-9]+`)

// Alerts on metrics that do not exist never ring.
func TestMonitoringUsesMetricsThatExist(t *testing.T) {
	known := families(t)
	for _, file := range []string{"alerts.yaml", "alerts_test.yaml", "dashboard.json"} {
		text, err := os.ReadFile("../../deploy/monitoring/" + file)
		if err != nil {
			t.Fatal(err)
		}
		names := metricName.FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s uses no metric", file)
		}
		for _, name := range names {
			if known[name] == nil {
				t.Errorf("%s uses %s, which does not exist", file, name)
			}
		}
	}
}

func TestDashboardIsOne(t *testing.T) {
	text, err := os.ReadFile("../../deploy/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] || p.Title == "" || len(p.Targets) == 0 || p.Targets[0].Expr == "" {
			t.Errorf("panel %d, %q: no title, no query, or an ID that another has", p.ID, p.Title)
		}
		seen[p.ID] = true
	}
	if len(d.Panels) == 0 || d.Title == "" {
		t.Error("no dashboard")
	}
}

// Every metric has a unit in its name where it has one, and a counter its suffix.
func TestMetricNames(t *testing.T) {
	for name, f := range families(t) {
		if !strings.HasPrefix(name, "rtsp2whip_") {
			continue
		}
		if counter := f.GetType() == dto.MetricType_COUNTER; counter != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s", name, f.GetType())
		}
		if strings.Contains(name, "_ms") || strings.Contains(name, "milli") || strings.Contains(name, "kilo") {
			t.Errorf("%s is not in base units", name)
		}
	}
}

const metricsPage = "../../docs/metrics.md"

// TestMetricsPage compares docs/metrics.md with the metrics there are.
func TestMetricsPage(t *testing.T) {
	all := families(t)
	var b strings.Builder
	b.WriteString("# Metrics\n\n`/metrics` serves these, and what Go and the process tell of themselves (`go_`, `process_`). " +
		"`camera` is the\ncamera's name in the site's file. This page is written by `go test ./internal/admin -run TestMetricsPage -update`\n" +
		"and compared by the same test. Alerts and a dashboard are in [deploy/monitoring](../deploy/monitoring).\n\n" +
		"| Metric | Type | Labels | Tells |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		if !strings.HasPrefix(name, "rtsp2whip_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	if *update {
		if err := os.WriteFile(metricsPage, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not up to date: run this test with -update", metricsPage)
	}
}
