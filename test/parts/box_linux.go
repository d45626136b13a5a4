package parts

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Addresses of the far end, where the servers are, and of the box. They are those
// set aside for documentation (RFC 5737, RFC 3849), as good as public ones: a TURN
// server may refuse to relay to private ones.
const (
	FarIPv4 = "203.0.113.1"
	FarIPv6 = "2001:db8::1"
	BoxIPv4 = "203.0.113.10"
	BoxIPv6 = "2001:db8::10"

	// BoxNewIPv4 is what the box gets when its address changes.
	BoxNewIPv4 = "203.0.113.20"

	farLink = "far0" // in the test's own namespace
	boxLink = "eth0" // in the box
	lan4    = "/24"  // both ends are in one network
	lan6    = "/64"  //
	wall    = "wall" // the firewall's table
)

// Box is the network namespace of an edge box: a loopback interface for its
// cameras, and one link to the far end, which is the test's own namespace.
type Box struct {
	t  testing.TB
	ns *os.File
}

// NewBox makes a box with the given addresses, such as BoxIPv4. The far end gets
// those that go with them. Call it in a test that is Isolated, once.
func NewBox(t testing.TB, addresses ...string) *Box {
	t.Helper()
	ns, err := newNamespace()
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	b := &Box{t: t, ns: ns}
	tool(t, "ip", "link", "add", farLink, "type", "veth", "peer", "name", boxLink,
		"netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.Fd()))
	tool(t, "ip", "link", "set", farLink, "up")
	b.Tool("ip", "link", "set", "lo", "up")
	b.Tool("ip", "link", "set", boxLink, "up")
	for _, a := range addresses {
		far := FarIPv4
		if strings.Contains(a, ":") {
			far = FarIPv6
		}
		tool(t, "ip", addressArgs("add", far, farLink)...)
		b.AddAddress(a)
	}
	return b
}

// newNamespace has no name: it goes when nobody uses it any more.
func newNamespace() (*os.File, error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer func() { _ = home.Close() }()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	ns, err := os.Open("/proc/thread-self/ns/net")
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return nil, back // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return ns, err
}

func addressArgs(do, ip, link string) []string {
	if strings.Contains(ip, ":") {
		args := []string{"-6", "addr", do, ip + lan6, "dev", link}
		if do == "add" {
			args = append(args, "nodad") // usable at once
		}
		return args
	}
	return []string{"addr", do, ip + lan4, "dev", link}
}

// Do calls f inside the box: sockets that f opens and programs that it starts
// belong there, and stay there.
func (b *Box) Do(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer func() { _ = home.Close() }()
	if err := unix.Setns(int(b.ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(fmt.Sprintf("no way back from the box: %v", err))
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// Dial connects to an address as the box sees it. It must be an IP address.
func (b *Box) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = b.Do(func() error {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Tool runs a program such as ip or tc inside the box and returns what it prints.
func (b *Box) Tool(name string, args ...string) (out string) {
	b.t.Helper()
	_ = b.Do(func() error {
		out = tool(b.t, name, args...)
		return nil
	})
	return out
}

// AddAddress gives the box's link one more address.
func (b *Box) AddAddress(ip string) {
	b.t.Helper()
	b.Tool("ip", addressArgs("add", ip, boxLink)...)
}

// AddFarAddress gives the far end one more address.
func (b *Box) AddFarAddress(ip string) {
	b.t.Helper()
	tool(b.t, "ip", addressArgs("add", ip, farLink)...)
}

// RouteAll has the box send to the far end whatever is for strangers.
func (b *Box) RouteAll() {
	b.t.Helper()
	b.Tool("ip", "route", "add", "default", "via", FarIPv4)
	b.Tool("ip", "-6", "route", "add", "default", "via", FarIPv6)
}

// RemoveAddress takes one away.
func (b *Box) RemoveAddress(ip string) {
	b.t.Helper()
	b.Tool("ip", addressArgs("del", ip, boxLink)...)
}

// Firewall lets nothing through from the box that matches one of these rules, in
// nftables' words, such as "meta l4proto udp". No rules at all take it down.
func (b *Box) Firewall(rules ...string) {
	b.t.Helper()
	tool(b.t, "nft", "add", "table", "inet", wall)
	tool(b.t, "nft", "delete", "table", "inet", wall)
	if len(rules) == 0 {
		return
	}
	tool(b.t, "nft", "add", "table", "inet", wall)
	tool(b.t, "nft", "add chain inet "+wall+" in { type filter hook input priority 0; policy accept; }")
	for _, r := range rules {
		tool(b.t, "nft", fmt.Sprintf("add rule inet %s in iifname %s %s counter drop", wall, farLink, r))
	}
}

// Uplink limits what the box may send to a rate, with a queue of so many bytes: what
// does not fit into it is lost, as in any modem.
func (b *Box) Uplink(bitsPerSecond, queue int) {
	b.t.Helper()
	b.Tool("tc", "qdisc", "replace", "dev", boxLink, "root", "tbf",
		"rate", fmt.Sprintf("%dbit", bitsPerSecond), "burst", "10000", "limit", fmt.Sprint(queue))
}

// UplinkLost counts the packets that did not fit into the uplink's queue.
func (b *Box) UplinkLost() int {
	b.t.Helper()
	var qdiscs []struct {
		Kind  string `json:"kind"`
		Drops int    `json:"drops"`
	}
	out := b.Tool("tc", "-s", "-j", "qdisc", "show", "dev", boxLink)
	if err := json.Unmarshal([]byte(out), &qdiscs); err != nil {
		b.t.Fatalf("tc says %q: %v", out, err)
	}
	for _, q := range qdiscs {
		if q.Kind == "tbf" {
			return q.Drops
		}
	}
	b.t.Fatalf("no uplink: %s", out)
	return 0
}

// StartGateway runs a site's file in the box. The file must leave out the admin
// section.
func (b *Box) StartGateway(name, site string, env ...string) *Gateway {
	b.t.Helper()
	transport := &http.Transport{DialContext: b.Dial}
	b.t.Cleanup(transport.CloseIdleConnections)
	return startGateway(b.t, Command{Name: name, In: b, Env: env}, site, &http.Client{Timeout: 5 * time.Second, Transport: transport})
}
