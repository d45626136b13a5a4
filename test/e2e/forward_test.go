//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/feed"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// Every slice NAL unit that a camera sends through MediaMTX's RTSP server and
// rtsp2whip into MediaMTX's WHIP server comes out of it byte for byte, in order,
// and none is missing.
func TestEverySliceArrives(t *testing.T) {
	const measured = 15 * time.Second
	mtx := parts.StartMediaMTX(t)
	cameras := []struct {
		name, clip, audio string
		sent              tape
		feed              *feed.Feed
	}{
		{name: "gate", clip: "360p-slices"},
		{name: "yard", clip: "720p-main", audio: "opus"},
		{name: "dock", clip: "1080p-high"},
		{name: "shop", clip: "360p-high", audio: "pcma"},
	}
	var entries []entry
	var names []string
	for i := range cameras {
		c := &cameras[i]
		c.feed = startFeed(t, mtx.RTSP(c.name), feed.Config{Clip: c.clip, Audio: c.audio, OnAccessUnit: c.sent.add})
		entries = append(entries, entry{name: c.name, url: mtx.RTSP(c.name), whip: mtx.WHIP(c.name + "-out")})
		names = append(names, c.name)
	}
	gateway := parts.StartGateway(t, "rtsp2whip", site(nil, "", "", entries...))
	gateway.WaitLive(20*time.Second, names...)

	received := make(map[string]*tape)
	for _, name := range names {
		received[name] = readBack(t, mtx.RTSP(name+"-out"))
	}
	parts.Pause(measured)
	for i := range cameras {
		cameras[i].feed.Freeze(true)
	}
	for i := range cameras {
		c := &cameras[i]
		sent, _ := c.sent.all()
		// A second of slack for joining, and one key frame interval.
		enough := int((measured - 3*time.Second).Seconds() * 25)
		var n int
		parts.Eventually(t, 5*time.Second, c.name+" arrives whole", func() error {
			got, err := received[c.name].all()
			if err != nil {
				return parts.Hopeless(err)
			}
			n = len(got)
			return endsWith(sent, got, enough)
		})
		t.Logf("%s (%s): the last %d of %d slices sent arrived, all equal and in order", c.name, c.clip, n, len(sent))
	}
}

// endsWith returns nil if got is what sent ends with, and long enough.
func endsWith(sent, got []digest, enough int) error {
	switch {
	case len(got) == 0:
		return fmt.Errorf("nothing arrived")
	case len(got) > len(sent):
		return fmt.Errorf("%d slices sent, %d arrived", len(sent), len(got))
	case got[len(got)-1] != sent[len(sent)-1]:
		return fmt.Errorf("the last slice sent is not the last that arrived (%d arrived)", len(got))
	}
	if tail := sent[len(sent)-len(got):]; !slices.Equal(tail, got) {
		for i := len(got) - 1; i >= 0; i-- {
			if tail[i] != got[i] {
				return fmt.Errorf("of %d slices that arrived, number %d differs from what was sent", len(got), i)
			}
		}
	}
	if len(got) < enough {
		return fmt.Errorf("only %d slices arrived", len(got))
	}
	return nil
}
