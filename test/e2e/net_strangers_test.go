//go:build e2e && linux

package e2e

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// farCamera is the cameras' address, apart from the server's.
const farCamera = "203.0.113.2"

// The box speaks to its cameras and targets and to nobody else: no STUN server of
// others, no name server where addresses are given, no multicast, no home of its own.
func TestTalksToNobodyElse(t *testing.T) {
	t.Parallel()
	if !parts.Isolated(t) {
		return
	}
	box := parts.NewBox(t, parts.BoxIPv4, parts.BoxIPv6)
	box.RouteAll()
	box.AddFarAddress(farCamera)
	server := whiptest.NewServer(t, whiptest.Config{Host: parts.FarIPv4})
	gate, yard := startFar(t), startFar(t)
	sniffer := box.Sniff()
	site := func(whip string) string {
		return fmt.Sprintf("cameras:\n  - {name: gate, url: %q, whip: {url: %q}}\n  - {name: yard, url: %q, transport: udp, whip: {url: %q}}\n",
			gate.URL(), whip, yard.URL(), whip+"?camera=yard")
	}
	gateway := box.StartGateway("rtsp2whip", site(server.URL()))
	gateway.WaitLive(40*time.Second, "gate", "yard")
	observed := time.NewTimer(5 * time.Second) // long enough for a STUN server, an update or a name to be asked for
	defer observed.Stop()
	<-observed.C

	whip := portOf(t, server.URL())
	want := map[string]bool{
		"tcp " + farCamera + ":" + portOf(t, gate.URL()): false,
		"tcp " + farCamera + ":" + portOf(t, yard.URL()): false,
		"tcp " + parts.FarIPv4 + ":" + whip:              false,
		"udp " + parts.FarIPv4:                           false, // any port: the answer names them
		"udp " + farCamera:                               false, // receiver reports
	}
	for _, d := range sniffer.Seen() {
		name := d.Protocol + " " + d.To.String()
		if d.Protocol == "udp" {
			name = "udp " + d.To.Addr().String()
		}
		if _, ok := want[name]; ok {
			want[name] = true
		} else if !d.To.Addr().IsLoopback() || d.To.Port() == 53 {
			t.Errorf("it has sent to %s %s", d.Protocol, d.To)
		}
	}
	for name, seen := range want {
		if !seen {
			t.Errorf("nothing was sent to %s", name)
		}
	}

	// A name makes it ask the name servers of the system, and them alone.
	if err := gateway.Reload(site("http://whip.example.com/")); err != nil {
		t.Fatal(err)
	}
	names := nameServers(t)
	parts.Eventually(t, 30*time.Second, "a question to a name server", func() error {
		for _, d := range sniffer.Seen() {
			if d.To.Port() == 53 && names[d.To.Addr()] {
				return nil
			}
		}
		return fmt.Errorf("seen: %v", sniffer.Seen())
	})
	for _, d := range sniffer.Seen() {
		if a := d.To.Addr(); !a.IsLoopback() && a.String() != farCamera && a.String() != parts.FarIPv4 && (d.To.Port() != 53 || !names[a]) {
			t.Errorf("it has sent to %s %s", d.Protocol, d.To)
		}
	}
}

func startFar(t *testing.T) *camsim.Camera {
	t.Helper()
	c, err := camsim.Start(camsim.Config{Addr: farCamera + ":0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// nameServers are those of the system; without any, a resolver asks its own machine.
func nameServers(t *testing.T) map[netip.Addr]bool {
	t.Helper()
	servers := map[netip.Addr]bool{}
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			if a, err := netip.ParseAddr(f[1]); err == nil {
				servers[a] = true
			}
		}
	}
	if len(servers) == 0 {
		servers[netip.MustParseAddr("127.0.0.1")] = true
		servers[netip.IPv6Loopback()] = true
	}
	return servers
}
