//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/feed"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// entry is one camera in a site's file.
type entry struct {
	name  string
	url   string
	whip  string // the WHIP endpoint; "" publishes to LiveKit
	extra string // more keys, in YAML's flow style, with a leading comma
}

// site writes a site's file. The LiveKit server may be nil.
func site(lk *parts.LiveKit, via, room string, cameras ...entry) string {
	var b strings.Builder
	if lk != nil {
		fmt.Fprintf(&b, "livekit: {url: %q, api_key: %q, api_secret: %q, room: %q, via: %s}\n",
			lk.URL(), lk.Key, lk.Secret, room, via)
	}
	b.WriteString("cameras:\n")
	for _, c := range cameras {
		fmt.Fprintf(&b, "  - {name: %q, url: %q", c.name, c.url)
		if c.whip != "" {
			fmt.Fprintf(&b, ", whip: {url: %q}", c.whip)
		}
		fmt.Fprintf(&b, "%s}\n", c.extra)
	}
	return b.String()
}

// startCamera starts a simulated camera for the length of the test.
func startCamera(t testing.TB, cfg camsim.Config) *camsim.Camera {
	t.Helper()
	c, err := camsim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// within tells whether got is at most share away from want.
func within(got, want int, share float64) bool {
	return math.Abs(float64(got-want)) <= float64(want)*share
}

// startFeed publishes a clip to an RTSP server for the length of the test.
func startFeed(t testing.TB, address string, cfg feed.Config) *feed.Feed {
	t.Helper()
	f, err := feed.Start(address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}
