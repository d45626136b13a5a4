package main

import (
	"errors"
	"log/slog"

	"github.com/rtsp2whip/rtsp2whip/internal/admin"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
	"github.com/rtsp2whip/rtsp2whip/internal/viewer"
)

// newPreviews plays a site's cameras in the browsers that look at its status page.
func newPreviews(s *site.Site, log *slog.Logger) *viewer.Previews {
	return viewer.NewPreviews(viewer.PreviewConfig{
		Logger: log,
		Tap: func(camera string, to viewer.Sink) (viewer.Tapped, error) {
			t, err := s.Tap(camera, to)
			if errors.Is(err, site.ErrNotPlaying) {
				err = admin.ErrNotPlaying
			}
			return viewer.Tapped(t), err
		},
	})
}
