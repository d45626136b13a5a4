package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// newLogger returns the logger that a site's file asks for, and its level, which
// may be set while it is in use. Where w is systemd's journal, lines leave out the
// time, which the journal has itself, and tell it their priority.
func newLogger(w io.Writer, cfg site.Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(cfg.SlogLevel())
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == site.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, options)), level
	}
	if f, ok := w.(*os.File); ok && isJournal(f, os.Getenv("JOURNAL_STREAM")) {
		w = journal{w}
		options.ReplaceAttr = withoutTime
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		return slog.Attr{}
	}
	return a
}

// journal puts the priority before each line (sd-daemon(3)), so that
// `journalctl -p warning` finds what it should.
type journal struct{ w io.Writer }

// priorities are those of syslog(3), by how a line of slog's begins.
var priorities = []struct{ begins, priority []byte }{
	{[]byte("level=ERROR"), []byte("<3>")},
	{[]byte("level=WARN"), []byte("<4>")},
	{[]byte("level=INFO"), []byte("<6>")},
	{[]byte("level=DEBUG"), []byte("<7>")},
}

// Write takes one line, as slog's handlers give it.
func (j journal) Write(line []byte) (int, error) {
	for _, p := range priorities {
		if bytes.HasPrefix(line, p.begins) {
			if _, err := j.w.Write(append(p.priority[:len(p.priority):len(p.priority)], line...)); err != nil {
				return 0, err
			}
			return len(line), nil
		}
	}
	return j.w.Write(line)
}
