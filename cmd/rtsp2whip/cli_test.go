package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// The defaults of `publish` are those of the site's file.
func TestPublishDefaults(t *testing.T) {
	var c cli
	parser := kong.Must(&c)
	if _, err := parser.Parse([]string{"publish", "rtsp://h/"}); err != nil {
		t.Fatal(err)
	}
	got, want := c.Publish, site.DefaultCamera()
	if got.Hold != want.Hold.Std() || got.Transport != string(want.Transport) || got.Audio != string(want.Audio) {
		t.Errorf("got %v %s %s, want %v %s %s", got.Hold, got.Transport, got.Audio, want.Hold, want.Transport, want.Audio)
	}
	if via := site.Default().LiveKit.Via; got.Via != string(via) {
		t.Errorf("via is %s, want %s", got.Via, via)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log, _ := newLogger(&out, site.Log{Level: site.LevelWarn, Format: site.FormatJSON})
	log.Info("below")
	log.Warn("shown", "camera", "gate")
	var line struct{ Level, Msg, Camera string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Level != "WARN" || line.Msg != "shown" || line.Camera != "gate" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	out.Reset()
	log, _ = newLogger(&out, site.Log{Level: site.LevelDebug, Format: site.FormatText})
	if !log.Enabled(context.Background(), slog.LevelDebug) {
		t.Error("debug is off")
	}
	log.Debug("shown")
	if !strings.Contains(out.String(), "level=DEBUG msg=shown") {
		t.Errorf("got %q", out.String())
	}
}

// Whatever the file calls it, a person who typed arguments reads of arguments.
func TestArgumentNames(t *testing.T) {
	var out bytes.Buffer
	err := site.Errors{
		{Path: "cameras[0].url", Text: "a"}, {Path: "cameras[0].password_file", Text: "b"},
		{Path: "livekit.api_key", Text: "missing: give api_key_file, api_key or LIVEKIT_API_KEY"},
	}
	if code := complain(&out, err, "publish"); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	want := `rtsp2whip: RTSP-URL: a
rtsp2whip: --password-file: b
rtsp2whip: --api-key-file: missing: give --api-key-file or LIVEKIT_API_KEY
rtsp2whip: hint: rtsp2whip publish --help lists its arguments
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}
