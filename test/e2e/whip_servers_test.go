//go:build e2e && full && linux

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// What the WHIP client gets out of each server that can be run: whether the picture
// arrives, which features the server takes, and how it fares when the box's address
// changes. docs/whip-servers.md is written by this test and compared with it.
func TestWHIPServers(t *testing.T) {
	if !parts.Isolated(t) {
		return
	}
	box := parts.NewBox(t, parts.BoxIPv4)
	turn := parts.StartCoturn(t, parts.FarIPv4, nil)
	var rows []serverRow
	for _, s := range whipServers {
		t.Run(s.name, func(t *testing.T) {
			trial := &trial{
				box: box, turn: turn, server: s.start(t, turn),
				camera: boxCamera(t, box, camsim.Config{Clip: "360p-main", Audio: "opus"}),
			}
			trial.tap = parts.StartTap(t, parts.FarIPv4, trial.server.base)
			row := serverRow{name: s.name, judge: trial.server.judge}
			trial.direct(t, &row)
			trial.firewalled(t, &row)
			t.Logf("%+v", row)
			rows = append(rows, row)
		})
	}
	if !t.Failed() {
		compareServers(t, rows)
	}
}

// runningServer is a server that a camera can be published to.
type runningServer struct {
	base  string                                // its URL without a path
	judge string                                // what is counted
	site  func(tap string, camera entry) string // a site's file that publishes the camera by way of the tap
	count func() (int, error)                   // of what the newest session has brought
}

var whipServers = []struct {
	name  string
	start func(t *testing.T, turn *parts.Coturn) *runningServer
}{
	{"livekit-server `/whip/v1`", func(t *testing.T, turn *parts.Coturn) *runningServer {
		lk := parts.StartLiveKitWith(t, parts.LiveKitOptions{Host: parts.FarIPv4, TCP: true, RTC: turn.LiveKit("tcp")})
		return inRoom(t, lk, lk.HTTP(), "server", "/whip/v1")
	}},
	{"LiveKit Ingress, terminating", func(t *testing.T, turn *parts.Coturn) *runningServer {
		lk, ingress := parts.StartIngressWith(t, parts.LiveKitOptions{Host: parts.FarIPv4, TCP: true, RTC: turn.LiveKit("tcp")}, false)
		return inRoom(t, lk, ingress.WHIP(), "ingress", "/w")
	}},
	{"LiveKit Ingress, `whip_proxy_enabled`", func(t *testing.T, turn *parts.Coturn) *runningServer {
		lk, ingress := parts.StartIngressWith(t, parts.LiveKitOptions{Host: parts.FarIPv4, TCP: true, RTC: turn.LiveKit("tcp")}, true)
		return inRoom(t, lk, ingress.WHIP(), "ingress", "/w")
	}},
	{"MediaMTX", func(t *testing.T, turn *parts.Coturn) *runningServer {
		m := parts.StartMediaMTXAt(t, parts.FarIPv4, turn)
		return &runningServer{
			base: strings.TrimSuffix(m.WHIP("gate"), "/gate/whip"), judge: "packets received",
			site: toEndpoint("/gate/whip"),
			count: func() (int, error) {
				sessions, err := m.WHIPSessions()
				return int(sessions["gate"].Packets), err //nolint:gosec // small
			},
		}
	}},
	{"Chromium page", func(t *testing.T, _ *parts.Coturn) *runningServer {
		page := parts.StartAnswerer(t, parts.AnswererOptions{Host: parts.FarIPv4})
		return &runningServer{
			base: page.Base(), judge: "frames decoded", site: toEndpoint("/whip"),
			count: func() (int, error) {
				v, err := page.Video()
				if err != nil || v == nil {
					return 0, err
				}
				return v.FramesDecoded, nil
			},
		}
	}},
	{"go2rtc", func(t *testing.T, _ *parts.Coturn) *runningServer {
		g := parts.StartGo2RTC(t, parts.FarIPv4)
		base, path, _ := strings.Cut(g.WHIP(), "/api/")
		return &runningServer{base: base, judge: "packets received", site: toEndpoint("/api/" + path), count: g.Packets}
	}},
}

// inRoom publishes to LiveKit; what a participant of the room receives is counted.
func inRoom(t *testing.T, lk *parts.LiveKit, base, via, path string) *runningServer {
	t.Helper()
	base = strings.TrimSuffix(base, path)
	viewer := lk.Subscribe(t, "site")
	return &runningServer{
		base: base, judge: "packets to a viewer",
		site: func(tap string, camera entry) string {
			file := site(lk, via, "site", camera)
			return strings.Replace(file, "livekit: {", fmt.Sprintf("livekit: {whip_url: %q, ", tap+path), 1)
		},
		count: func() (int, error) { return viewer.Packets("gate"), nil },
	}
}

// toEndpoint publishes to a WHIP endpoint of any make.
func toEndpoint(path string) func(tap string, camera entry) string {
	return func(tap string, camera entry) string {
		camera.whip = tap + path
		return site(nil, "", "", camera)
	}
}

// nobody has this address.
const nobody = "203.0.113.99"

// trial is one server's.
type trial struct {
	box    *parts.Box
	turn   *parts.Coturn
	server *runningServer
	camera *camsim.Camera
	tap    *parts.Tap
}

// direct lets the box's address change under a session, with candidates that follow
// the offer: those of STUN servers, of which one does not answer.
func (r *trial) direct(t *testing.T, row *serverRow) {
	t.Helper()
	stun := strings.NewReplacer("turn:", "stun:", "?transport=udp", "").Replace(r.turn.URL("udp"))
	gateway := r.run(t, fmt.Sprintf("network: {ice_servers: [{url: %q}, {url: \"stun:%s:3478\"}]}\n", stun, nobody))
	defer gateway.Terminate(5 * time.Second)
	if err := r.plays(gateway, 30*time.Second); err != nil {
		row.plays = "no"
		t.Errorf("no picture: %v", err)
		return
	}
	row.plays = "yes, " + row.judge
	parts.Eventually(t, 10*time.Second, "the candidates that follow are sent", func() error {
		if len(r.tap.Exchanges(http.MethodPatch)) == 0 {
			return errors.New("no PATCH")
		}
		return nil
	})
	row.trickle = verdict(r.tap.Exchanges(http.MethodPatch)[0])
	session := r.tap.Sessions()[0]
	row.named, row.tcp = session.ICEServers > 0, session.TCP > 0

	patches, sessions := len(r.tap.Exchanges(http.MethodPatch)), len(r.tap.Sessions())
	changed := time.Now()
	r.box.RemoveAddress(parts.BoxIPv4)
	r.box.AddAddress(parts.BoxNewIPv4)
	defer func() {
		r.box.RemoveAddress(parts.BoxNewIPv4)
		r.box.AddAddress(parts.BoxIPv4)
	}()
	parts.Eventually(t, 30*time.Second, "a path from the new address", func() error {
		if path := status(t, gateway, "gate").Path; !strings.HasPrefix(path, parts.BoxNewIPv4+":") {
			return fmt.Errorf("the path is %q", path)
		}
		return nil
	})
	if err := r.plays(gateway, 20*time.Second); err != nil {
		t.Errorf("no picture from the new address: %v", err)
	}
	took := time.Since(changed)
	t.Logf("media again %.1f s after the address changed", took.Seconds())
	restarts := r.tap.Exchanges(http.MethodPatch)[patches:]
	if len(restarts) > 0 {
		row.restart = verdict(restarts[len(restarts)-1])
	}
	row.sameSession = len(r.tap.Sessions()) == sessions
	if row.sameSession && took > 6*time.Second { // a second of it is the test's own
		t.Errorf("media again after %s by an ICE restart, want 5 s at most", took)
	}
}

// firewalled tries the ways that are left when no UDP gets out of the box.
func (r *trial) firewalled(t *testing.T, row *serverRow) {
	t.Helper()
	r.box.Firewall("meta l4proto udp")
	defer r.box.Firewall()
	try := func(what, network string) bool {
		gateway := r.run(t, network)
		defer gateway.Terminate(5 * time.Second)
		if err := r.plays(gateway, 40*time.Second); err != nil {
			t.Errorf("%s: %v", what, err)
			return false
		}
		t.Logf("%s: %s", what, status(t, gateway, "gate").Path)
		return true
	}
	user, credential := r.turn.Credentials()
	relay := fmt.Sprintf("network: {relay_only: true, ice_servers: [{url: %q, username: %q, credential: %q}]}\n", r.turn.URL("tcp"), user, credential)
	row.turnConfigured = try("by the TURN server of the configuration", relay)
	if row.named {
		row.turnNamed = try("by the TURN server that the server names", "network: {ice_tcp: false}\n")
	}
	if row.tcp {
		row.tcpPlays = try("over TCP", "network: {ice_servers: [{url: \"stun:127.0.0.1:9\"}]}\n")
	}
}

// run publishes the camera.
func (r *trial) run(t *testing.T, network string) *parts.Gateway {
	t.Helper()
	return r.box.StartGateway("rtsp2whip", r.server.site(r.tap.URL, entry{name: "gate", url: r.camera.URL()})+network)
}

// plays returns nil once what the server counts goes up while the camera is live.
func (r *trial) plays(gateway *parts.Gateway, limit time.Duration) error {
	least := -1
	return parts.Within(limit, func() error {
		cameras, err := gateway.Cameras()
		if err != nil {
			return err
		}
		n, err := r.server.count()
		switch s := cameras["gate"]; {
		case err != nil:
			return err
		case s.State != "live":
			least = -1
			return fmt.Errorf("the camera is %q: %s", s.State, s.Reason)
		case least < 0 || n < least:
			least = n
		case n >= least+15:
			return nil
		}
		return fmt.Errorf("%d, at first %d", n, least)
	})
}

// verdict says what became of a PATCH.
func verdict(e parts.Exchange) string {
	if e.Status >= 200 && e.Status <= 299 {
		return "yes"
	}
	return fmt.Sprintf("no (%d)", e.Status)
}
