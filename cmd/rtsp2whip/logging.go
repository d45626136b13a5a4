package main

import (
	"io"
	"log/slog"

	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// newLogger returns the logger that a site's file asks for.
func newLogger(w io.Writer, cfg site.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.SlogLevel()}
	if cfg.Format == site.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
