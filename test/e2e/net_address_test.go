//go:build e2e && linux

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// The box's address changes under a live session, as by DHCP or on another uplink:
// the room gets the video again within five seconds, and has seen nobody leave.
func TestNewAddress(t *testing.T) {
	t.Parallel()
	if !parts.Isolated(t) {
		return
	}
	const limit = 5 * time.Second
	box := parts.NewBox(t, parts.BoxIPv4)
	lk := parts.StartLiveKitWith(t, parts.LiveKitOptions{Host: parts.FarIPv4})
	camera := boxCamera(t, box, camsim.Config{})
	gateway := box.StartGateway("rtsp2whip", site(lk, "server", "site", entry{name: "gate", url: camera.URL()}))
	gateway.WaitLive(20*time.Second, "gate")
	viewer := lk.Subscribe(t, "site")
	parts.Eventually(t, 15*time.Second, "video", func() error { return viewer.FlowsSince("gate", time.Time{}) })
	before := status(t, gateway, "gate")

	// There and back: two restarts.
	old := parts.BoxIPv4
	for _, ip := range []string{parts.BoxNewIPv4, parts.BoxIPv4} {
		changed := time.Now()
		box.RemoveAddress(old)
		box.AddAddress(ip)
		old = ip
		parts.Eventually(t, 20*time.Second, "a path from the new address", func() error {
			if path := status(t, gateway, "gate").Path; !strings.HasPrefix(path, ip+":") {
				return fmt.Errorf("the path is %q", path)
			}
			return nil
		})
		moved := time.Now()
		parts.Eventually(t, 10*time.Second, "video from the new address", func() error { return viewer.FlowsSince("gate", moved) })
		gap := viewer.LongestGap("gate", changed, time.Now())
		t.Logf("%s: moved after %.1f s, no packet for %.1f s", ip, moved.Sub(changed).Seconds(), gap.Seconds())
		if gap > parts.Soon(limit) {
			t.Errorf("no packet for %s, want %s at most", gap, parts.Soon(limit))
		}
	}
	if after := status(t, gateway, "gate"); after.Sessions != before.Sessions {
		t.Errorf("%d sessions, then %d: want the same one", before.Sessions, after.Sessions)
	}
}

// The box's address changes while it waits for the answer to a POST, which can come no
// more. That is noticed long before a slow server's time would be up.
func TestNewAddressWhilePosting(t *testing.T) {
	t.Parallel()
	if !parts.Isolated(t) {
		return
	}
	box := parts.NewBox(t, parts.BoxIPv4)
	lk := parts.StartLiveKitWith(t, parts.LiveKitOptions{Host: parts.FarIPv4})
	camera := boxCamera(t, box, camsim.Config{})

	to, err := url.Parse(lk.HTTP())
	if err != nil {
		t.Fatal(err)
	}
	pass, held, over := httputil.NewSingleHostReverseProxy(to), make(chan struct{}), make(chan struct{})
	var came atomic.Bool
	slow := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if came.CompareAndSwap(false, true) {
			close(held)
			<-over
		}
		pass.ServeHTTP(w, r)
	}))
	l, err := net.Listen("tcp", parts.FarIPv4+":0")
	if err != nil {
		t.Fatal(err)
	}
	slow.Listener = l
	slow.Start()
	t.Cleanup(func() {
		close(over)
		slow.CloseClientConnections()
		slow.Close()
	})

	file := site(lk, "server", "site", entry{name: "gate", url: camera.URL()})
	gateway := box.StartGateway("rtsp2whip", strings.Replace(file, "livekit: {", fmt.Sprintf("livekit: {whip_url: %q, ", slow.URL+"/whip/v1"), 1))
	select {
	case <-held:
	case <-time.After(30 * time.Second):
		t.Fatal("no POST")
	}
	box.RemoveAddress(parts.BoxIPv4)
	box.AddAddress(parts.BoxNewIPv4)
	changed := time.Now()
	gateway.WaitLive(60*time.Second, "gate")
	t.Logf("live %.1f s after the change", time.Since(changed).Seconds())
	if strings.Contains(gateway.Output(), "deadline exceeded") {
		t.Error("the answer to POST was awaited until its time was up")
	}
}
