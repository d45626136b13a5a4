//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// In the journal, lines have a priority and no time; beside it they are as ever.
func TestLogToTheJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	log, _ := newLogger(f, site.Log{Level: site.LevelDebug, Format: site.FormatText})
	log = log.With("camera", "gate")
	log.Error("one")
	log.Warn("two", "time", "noon")
	log.Info("three")
	log.Debug("four")
	want := `<3>level=ERROR msg=one camera=gate
<4>level=WARN msg=two camera=gate time=noon
<6>level=INFO msg=three camera=gate
<7>level=DEBUG msg=four camera=gate
`
	if got := read(t, f.Name()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	t.Setenv("JOURNAL_STREAM", "8:1")
	if isJournal(f, os.Getenv("JOURNAL_STREAM")) {
		t.Error("another stream is taken for the journal")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
