//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

const deploy = "../../deploy"

// tool runs a program of the machine and returns what it printed.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Prometheus takes the alerts, and they ring for what they should.
func TestAlerts(t *testing.T) {
	dir := filepath.Join(deploy, "monitoring")
	tool(t, dir, "promtool", "check", "rules", "alerts.yaml")
	tool(t, dir, "promtool", "test", "rules", "alerts_test.yaml")
}

// What the program installs is what systemd understands, and a sandbox by its
// own reckoning: 0 is best, 10 none; below 2 it says "OK".
func TestUnit(t *testing.T) {
	root := t.TempDir()
	tool(t, ".", parts.Binary(t), "install", "--root", root)
	unit, err := os.ReadFile(filepath.Join(root, "etc/systemd/system/rtsp2whip.service"))
	if err != nil {
		t.Fatal(err)
	}
	// The paths of programs are checked on this machine, where nothing is installed.
	here := strings.ReplaceAll(string(unit), "/usr/local/bin/rtsp2whip", filepath.Join(root, "usr/local/bin/rtsp2whip"))
	file := filepath.Join(t.TempDir(), "rtsp2whip.service")
	if err := os.WriteFile(file, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := tool(t, ".", "systemd-analyze", "verify", "--man=no", file); strings.Contains(said, "rtsp2whip.service") {
		t.Errorf("systemd-analyze verify: %s", said)
	}
	said := tool(t, ".", "systemd-analyze", "security", "--offline=true", file)
	level := regexp.MustCompile(`Overall exposure level[^:]*: ([0-9.]+)`).FindStringSubmatch(said)
	if level == nil {
		t.Fatalf("systemd-analyze security: %s", said)
	}
	exposure, err := strconv.ParseFloat(level[1], 64)
	if err != nil || exposure >= 2 {
		t.Errorf("exposure %s: want less than 2\n%s", level[1], said)
	}
	t.Logf("exposure %s", level[1])
}
