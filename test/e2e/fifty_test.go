//go:build e2e && full

package e2e

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

const fifty = 50

// Fifty cameras publish at once, and not one packet is lost on the way.
func TestFiftyCameras(t *testing.T) {
	mtx := parts.StartMediaMTX(t)
	var entries []entry
	for i := range fifty {
		name := fmt.Sprintf("cam%02d", i)
		c := startCamera(t, camsim.Config{})
		entries = append(entries, entry{name: name, url: c.URL(), whip: mtx.WHIP(name)})
	}
	gateway := parts.StartGateway(t, "rtsp2whip", site(nil, "", "", entries...))
	gateway.WaitLive(60*time.Second, names(entries)...)
	measureSite(t, gateway, mtx, entries, time.Minute)
}

// Ten of fifty cameras cannot be had, each kind for a reason of its own. The
// other forty do not notice.
func TestTenOfFiftyUnreachable(t *testing.T) {
	mtx := parts.StartMediaMTX(t)
	reasons := []func() string{
		func() string { return fmt.Sprintf("rtsp://127.0.0.1:%d/stream1", parts.FreePort(t)) }, // refused
		func() string { return "rtsp://camera.invalid/stream1" },                               // a name that nobody has (RFC 6761)
		func() string { return "rtsp://" + silence(t) + "/stream1" },                           // takes the connection, says nothing
		func() string { return startCamera(t, camsim.Config{}).URL() + "/no-such-path" },
		func() string { return startCamera(t, camsim.Config{Username: "u", Password: "p"}).URL() },
	}
	var good, bad, all []entry
	for i := range fifty {
		e := entry{name: fmt.Sprintf("cam%02d", i)}
		e.whip = mtx.WHIP(e.name)
		if i%5 == 0 {
			e.url = reasons[i/5%len(reasons)]()
			bad = append(bad, e)
		} else {
			e.url = startCamera(t, camsim.Config{}).URL()
			good = append(good, e)
		}
		all = append(all, e)
	}
	gateway := parts.StartGateway(t, "rtsp2whip", site(nil, "", "", all...))
	gateway.WaitLive(60*time.Second, names(good)...)
	measureSite(t, gateway, mtx, good, time.Minute)

	cameras, err := gateway.Cameras()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range bad {
		c := cameras[e.name]
		if c.State == "live" || c.Reason == "" {
			t.Errorf("%s (%s): %q, reason %q", e.name, e.url, c.State, c.Reason)
		}
		t.Logf("%s: %s: %s (%s)", e.name, c.State, c.Reason, c.Hint)
	}
}

// measureSite lets cameras publish for a while and demands that all that the
// gateway sends arrives, and that the gateway gets all that the cameras send.
func measureSite(t *testing.T, g *parts.Gateway, mtx *parts.MediaMTX, cameras []entry, over time.Duration) {
	t.Helper()
	received := func() (packets, lost uint64) {
		sessions, err := mtx.WHIPSessions()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range cameras {
			s := sessions[e.name]
			if !s.Established {
				t.Errorf("%s has no session", e.name)
			}
			packets += s.Packets
			lost += s.PacketsLost
		}
		return packets, lost
	}
	cpu, before := g.CPU(), time.Now()
	packets, _ := received()
	parts.Pause(over)
	packetsAfter, lost := received()
	took, used := time.Since(before), g.CPU()-cpu
	n := packetsAfter - packets
	t.Logf("%d cameras, %s: %d packets arrived (%.0f a second), %d lost; rtsp2whip used %.0f %% of a core, %.1f us a packet",
		len(cameras), took.Round(time.Second), n, float64(n)/took.Seconds(), lost,
		used.Seconds()/took.Seconds()*100, float64(used.Microseconds())/float64(max(n, 1)))
	if lost != 0 {
		t.Errorf("%d packets were lost on the way", lost)
	}
	status, err := g.Cameras()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cameras {
		if c := status[e.name]; c.State != "live" || c.Lost != 0 || c.Damaged != 0 {
			t.Errorf("%s: %s, %d packets lost, %d pictures damaged", e.name, c.State, c.Lost, c.Damaged)
		}
	}
}

func names(entries []entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.name)
	}
	return out
}

// silence is the address of a server that takes connections and does not talk.
func silence(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String() // connections wait in the backlog for ever
}
