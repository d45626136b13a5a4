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

// recorded is a camera that MediaMTX serves, and what it has sent.
type recorded struct {
	name, clip, audio string

	sent tape
	feed *feed.Feed
}

// Every slice NAL unit that a camera sends through MediaMTX's RTSP server and
// rtsp2whip into MediaMTX's WHIP server comes out of it byte for byte, in order,
// and none is missing.
func TestEverySliceArrives(t *testing.T) {
	mtx := parts.StartMediaMTX(t)
	cameras := []*recorded{
		{name: "gate", clip: "360p-slices"},
		{name: "yard", clip: "720p-main", audio: "opus"},
		{name: "dock", clip: "1080p-high"},
		{name: "shop", clip: "360p-high", audio: "pcma"},
	}
	var entries []entry
	for _, c := range cameras {
		c.feed = startFeed(t, mtx.RTSP(c.name), feed.Config{Clip: c.clip, Audio: c.audio, OnAccessUnit: c.sent.add})
		entries = append(entries, entry{name: c.name, url: mtx.RTSP(c.name), whip: mtx.WHIP(c.name + "-out")})
	}
	gateway := parts.StartGateway(t, "rtsp2whip", site(nil, "", "", entries...))
	gateway.WaitLive(20*time.Second, "gate", "yard", "dock", "shop")

	// On a busy machine MediaMTX may be late to read its socket. What the kernel
	// throws away then says nothing about rtsp2whip, and is measured again.
	for range 3 {
		drops := mtx.UDPDrops()
		err := compareSlices(t, mtx, cameras, 15*time.Second)
		if err == nil {
			return
		}
		if drops = mtx.UDPDrops() - drops; drops == 0 {
			t.Fatal(err)
		}
		t.Logf("MediaMTX read too slowly, %d datagrams were dropped: %v", drops, err)
	}
	t.Fatal("MediaMTX read too slowly three times: the machine is too busy to measure anything")
}

// compareSlices reads all streams back for a while, stops the cameras for a
// moment and compares what has arrived with what was sent.
func compareSlices(t *testing.T, mtx *parts.MediaMTX, cameras []*recorded, over time.Duration) error {
	t.Helper()
	received := make(map[string]*tape)
	for _, c := range cameras {
		c.feed.Freeze(false)
		received[c.name] = readBack(t, mtx.RTSP(c.name+"-out"))
	}
	parts.Pause(over)
	for _, c := range cameras {
		c.feed.Freeze(true)
	}
	// A second for joining, and one key frame interval.
	enough := int((over - 3*time.Second).Seconds() * 25)
	for _, c := range cameras {
		var sent, got []digest
		err := parts.Within(2*time.Second, func() (err error) {
			sent, _ = c.sent.all()
			if got, err = received[c.name].all(); err != nil {
				return err
			}
			return endsWith(sent, got, enough)
		})
		if err != nil {
			return fmt.Errorf("%s (%s): %w", c.name, c.clip, err)
		}
		t.Logf("%s (%s): %d slices arrived, all equal and in order", c.name, c.clip, len(got))
	}
	return nil
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
