//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// What deploy/livekit sets up is taken by livekit-server, Ingress, Redis and
// Caddy, and cameras are published through it over TLS, both ways. Docker and the
// firewall are what this cannot try.
func TestLiveKitDeployment(t *testing.T) {
	dir := filepath.Join(deploy, "livekit")
	tool(t, dir, "shellcheck", "setup.sh", "check.sh")
	stack := parts.StartStack(t)

	camera := startCamera(t, camsim.Config{})
	file := fmt.Sprintf(`
livekit: {url: %q, api_key: %q, api_secret: %q, room: site, tls: {ca_file: %q}}
cameras:
  - {name: by-ingress, url: %q}
  - {name: by-server, url: %q, via: server}
`, stack.URL, stack.LiveKit.Key, stack.LiveKit.Secret, stack.CAFile, camera.URL(), camera.URL())
	gateway := parts.StartGateway(t, "rtsp2whip", file)
	gateway.WaitLive(30*time.Second, "by-ingress", "by-server")
	viewer := stack.LiveKit.Subscribe(t, "site")
	parts.Eventually(t, 20*time.Second, "video of both", func() error {
		if err := viewer.FlowsSince("by-ingress", time.Time{}); err != nil {
			return err
		}
		return viewer.FlowsSince("by-server", time.Time{})
	})

	check := func(more ...string) (string, error) {
		cmd := exec.Command("./check.sh", "127.0.0.1")
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), append([]string{
			fmt.Sprintf("CHECK_HTTPS=%d", stack.HTTPS), fmt.Sprintf("CHECK_HTTP=%d", stack.HTTP),
			fmt.Sprintf("CHECK_TCP=%d", stack.TCP), fmt.Sprintf("CHECK_STUN=%d", stack.STUN),
			"CHECK_CURL=--cacert " + stack.CAFile,
		}, more...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if said, err := check(); err != nil || strings.Count(said, "\nok  ")+1 != 6 || strings.Contains(said, "FAIL") {
		t.Errorf("check.sh: %v\n%s", err, said)
	}
	closed := parts.FreePort(t)
	said, err := check(fmt.Sprintf("CHECK_STUN=%d", closed), fmt.Sprintf("CHECK_TCP=%d", closed), "CHECK_CURL=--ipv4")
	for _, want := range []string{"FAIL  https", "FAIL  udp", "FAIL  tcp"} {
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("check.sh with ports closed and a certificate it does not know: no %q, %v\n%s", want, err, said)
		}
	}
}
