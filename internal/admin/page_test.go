package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

// The page is whole without a script: filter, history, events and a bad file's fault.
func TestPageWithoutScript(t *testing.T) {
	list := append(twoCameras(), publisher.Status{Name: "dock", State: publisher.Waiting, Since: time.Now()})
	s, err := New(Config{
		Cameras: func() []publisher.Status { return list }, Started: time.Now(),
		Problem: func() string { return "site.yaml:3:1: <b>unknown</b> key" },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s.watch.look(list, time.Now().Add(time.Duration(i)*sampleEvery))
	}
	_, body, header := get(t, s, "/")
	for _, want := range []string{`<noscript><meta http-equiv="refresh"`, "M117 1.0L118 1.0L119 1.0", "site.yaml:3:1: &lt;b&gt;unknown", `<a href="/?show=wrong">What is wrong <b>1</b>`,
		`data-camera="gate"`, `data-camera="dock"`, "<b>yard&lt;script&gt;</b> <span class=\"state\">reconnecting</span> <span class=\"reason\">DESCRIBE: 401"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, "style=") || strings.Contains(body, "onclick") || strings.Contains(header.Get("Content-Security-Policy"), "unsafe") {
		t.Error("something is inline, or may be")
	}
	_, body, _ = get(t, s, "/?show=wrong")
	if strings.Contains(body, `data-camera="gate"`) || strings.Contains(body, `data-camera="dock"`) || !strings.Contains(body, `data-camera="yard`) {
		t.Error("what is wrong is not what is listed")
	}
	list = list[:1]
	if _, body, _ = get(t, s, "/?show=wrong"); !strings.Contains(body, "Nothing is wrong.") {
		t.Error("it does not say that nothing is wrong")
	}
	if code, js, h := get(t, s, "/page.js"); code != 200 || js == "" || !strings.HasPrefix(h.Get("Content-Type"), "text/javascript") {
		t.Errorf("script: %d %v", code, h)
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		samples []float32
		path    string
		from    int
	}{
		{nil, "", 0}, {[]float32{5}, "", 0}, {[]float32{0, 0, 0}, "", 0},
		{[]float32{0, 4, 2}, "M117 23.0L118 1.0L119 12.0", 117},
	} {
		if path, from := sparkline(c.samples); path != c.path || from != c.from {
			t.Errorf("%v: %q from %d", c.samples, path, from)
		}
	}
}
