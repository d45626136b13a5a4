package main

import (
	"io"
	"log/slog"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// newLogger returns the logger that a site's file asks for, and its level, which
// may be set while it is in use.
func newLogger(w io.Writer, cfg site.Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(cfg.SlogLevel())
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == site.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, options)), level
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}
