//go:build !windows

// Package livekit tests the files with which a LiveKit server is set up, as far as
// that goes without Docker. The end-to-end tests give them to the programs.
package livekit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// setup runs setup.sh into a directory of its own.
func setup(t *testing.T, args ...string) (dir, said string, err error) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "config")
	out, err := exec.Command("sh", append([]string{"setup.sh", "--out", dir}, args...)...).CombinedOutput()
	return dir, string(out), err
}

func mustSetup(t *testing.T, args ...string) string {
	t.Helper()
	dir, said, err := setup(t, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return dir
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func parse(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(read(t, file)), into, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// rtc is what livekit.yaml and ingress.yaml say about media.
type rtc struct {
	TCPPort       int    `yaml:"tcp_port"`
	UDPPort       int    `yaml:"udp_port"`
	First         int    `yaml:"port_range_start"`
	Last          int    `yaml:"port_range_end"`
	UseExternalIP bool   `yaml:"use_external_ip"`
	NodeIP        string `yaml:"node_ip"`
}

type redis struct {
	Address string `yaml:"address"`
}

type logging struct {
	Level string `yaml:"level"`
}

type server struct {
	Port    int               `yaml:"port"`
	Bind    []string          `yaml:"bind_addresses"`
	Keys    map[string]string `yaml:"keys"`
	RTC     rtc               `yaml:"rtc"`
	Redis   redis             `yaml:"redis"`
	Logging logging           `yaml:"logging"`
	TURN    struct {
		Enabled bool   `yaml:"enabled"`
		Domain  string `yaml:"domain"`
		UDPPort int    `yaml:"udp_port"`
	} `yaml:"turn"`
	Ingress struct {
		WHIPBaseURL string `yaml:"whip_base_url"`
	} `yaml:"ingress"`
}

type gateway struct {
	APIKey    string  `yaml:"api_key"`
	APISecret string  `yaml:"api_secret"`
	WSURL     string  `yaml:"ws_url"`
	Redis     redis   `yaml:"redis"`
	WHIPPort  int     `yaml:"whip_port"`
	RTMPPort  int     `yaml:"rtmp_port"`
	RelayPort int     `yaml:"http_relay_port"`
	Health    int     `yaml:"health_port"`
	Proxy     bool    `yaml:"whip_proxy_enabled"`
	RTC       rtc     `yaml:"rtc_config"`
	Logging   logging `yaml:"logging"`
}

func TestSetup(t *testing.T) {
	dir := mustSetup(t, "livekit.example.com", "--ip", "192.0.2.7", "--email", "ops@example.com")
	var lk server
	var in gateway
	parse(t, filepath.Join(dir, "livekit.yaml"), &lk)
	parse(t, filepath.Join(dir, "ingress.yaml"), &in)

	key, secret := strings.TrimSpace(read(t, filepath.Join(dir, "api_key"))), strings.TrimSpace(read(t, filepath.Join(dir, "api_secret")))
	if len(lk.Keys) != 1 || lk.Keys[key] != secret || in.APIKey != key || in.APISecret != secret {
		t.Error("the keys are not the same in all files")
	}
	if !strings.HasPrefix(key, "API") || len(secret) < 32 { // livekit-server warns of shorter ones
		t.Errorf("a key of %d and a secret of %d characters", len(key), len(secret))
	}
	if lk.Redis != in.Redis || in.WSURL != "ws://127.0.0.1:7880" || lk.Port != 7880 || lk.Bind[0] != "127.0.0.1" {
		t.Errorf("the parts do not find each other: %+v, %+v", lk, in)
	}
	if lk.Ingress.WHIPBaseURL != "https://livekit.example.com/w" || lk.TURN.Domain != "livekit.example.com" {
		t.Errorf("domain: %+v", lk)
	}
	if lk.RTC.NodeIP != "192.0.2.7" || in.RTC.NodeIP != "192.0.2.7" || lk.RTC.UseExternalIP || in.RTC.UseExternalIP {
		t.Errorf("address: %+v, %+v", lk.RTC, in.RTC)
	}
	caddy := read(t, filepath.Join(dir, "Caddyfile"))
	for _, want := range []string{"\nlivekit.example.com {", "@ingress path /w /w/*", "@ingress 127.0.0.1:8080", "proxy 127.0.0.1:7880", "email ops@example.com"} {
		if !strings.Contains(caddy, want) {
			t.Errorf("Caddyfile lacks %q:\n%s", want, caddy)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 {
		t.Errorf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; others could read the keys", f.Name(), info.Mode(), err)
		}
	}
}

func TestSetupFindsTheAddress(t *testing.T) {
	dir := mustSetup(t, "livekit.example.com")
	var lk server
	var in gateway
	parse(t, filepath.Join(dir, "livekit.yaml"), &lk)
	parse(t, filepath.Join(dir, "ingress.yaml"), &in)
	if !lk.RTC.UseExternalIP || !in.RTC.UseExternalIP || lk.RTC.NodeIP != "" {
		t.Errorf("%+v, %+v", lk.RTC, in.RTC)
	}
}

func TestSetupKeepsKeys(t *testing.T) {
	dir := mustSetup(t, "livekit.example.com")
	before := read(t, filepath.Join(dir, "livekit.yaml"))
	run := func(args ...string) (string, error) {
		out, err := exec.Command("sh", append([]string{"setup.sh", "livekit.example.com", "--out", dir}, args...)...).CombinedOutput()
		return string(out), err
	}
	if said, err := run(); err == nil || !strings.Contains(said, "--force") {
		t.Errorf("a second time: %v, %s", err, said)
	}
	if read(t, filepath.Join(dir, "livekit.yaml")) != before {
		t.Error("written over")
	}
	if said, err := run("--force"); err != nil {
		t.Errorf("%v, %s", err, said)
	}
	if read(t, filepath.Join(dir, "livekit.yaml")) == before {
		t.Error("the same keys as before")
	}
}

func TestSetupRefuses(t *testing.T) {
	for _, args := range [][]string{
		{}, {"a.example.com", "b.example.com"}, {"--ip"}, {"--wrong", "a.example.com"},
		{"localhost"}, {"192.0.2.7"}, {"a..example.com"}, {".example.com"}, {"a.example.com."}, {"-a.example.com"},
		{"a.example.com;reboot"}, {"a.example.com {"}, {"a.example.com\nimport x"}, {"$(reboot).example.com"},
		{"a.example.com", "--ip", "1.2.3.4; x"}, {"a.example.com", "--ip", "2001:db8::1"}, {"a.example.com", "--email", "a b@example.com"},
	} {
		dir, said, err := setup(t, args...)
		if err == nil {
			t.Errorf("%q is taken: %s", args, said)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: files were written", args)
		}
	}
}

// TestPortsAgree: what the services listen on, the README's table tells.
func TestPortsAgree(t *testing.T) {
	readme := read(t, "README.md")
	for _, port := range []string{"443", "80", "7880", "7881", "3478", "50000-60000", "8080", "7885"} {
		if !regexp.MustCompile(`(?m)^\| ` + port + ` \|`).MatchString(readme) {
			t.Errorf("README.md has no row for port %s", port)
		}
	}
	var lk server
	var in gateway
	dir := mustSetup(t, "livekit.example.com")
	parse(t, filepath.Join(dir, "livekit.yaml"), &lk)
	parse(t, filepath.Join(dir, "ingress.yaml"), &in)
	if lk.RTC.TCPPort != 7881 || lk.TURN.UDPPort != 3478 || lk.RTC.First != 50000 || lk.RTC.Last != 60000 || in.WHIPPort != 8080 || in.RTC.UDPPort != 7885 {
		t.Errorf("%+v, %+v", lk, in)
	}
}

func TestCompose(t *testing.T) {
	var compose struct {
		Name     string         `yaml:"name"`
		Common   map[string]any `yaml:"x-common"`
		Services map[string]struct {
			Image       string            `yaml:"image"`
			Network     string            `yaml:"network_mode"`
			Restart     string            `yaml:"restart"`
			Logging     map[string]string `yaml:"logging"`
			Command     []string          `yaml:"command"`
			Environment map[string]string `yaml:"environment"`
			Volumes     []string          `yaml:"volumes"`
			DependsOn   []string          `yaml:"depends_on"`
		} `yaml:"services"`
		Volumes map[string]any `yaml:"volumes"`
	}
	parse(t, "compose.yaml", &compose)
	if len(compose.Services) != 4 {
		t.Errorf("%d services", len(compose.Services))
	}
	dir := mustSetup(t, "livekit.example.com")
	versions := read(t, "../../test/parts/versions.env")
	for name, s := range compose.Services {
		if s.Network != "host" || s.Restart != "unless-stopped" || !strings.Contains(s.Image, ":") {
			t.Errorf("%s: %+v", name, s)
		}
		for _, other := range s.DependsOn {
			if _, ok := compose.Services[other]; !ok {
				t.Errorf("%s waits for %s", name, other)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if file, ok := strings.CutPrefix(from, "./config/"); ok {
				if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
					t.Errorf("%s: setup.sh does not write %s", name, file)
				}
			} else if _, ok := compose.Volumes[from]; !ok {
				t.Errorf("%s: no volume %s", name, from)
			}
		}
		if strings.HasPrefix(s.Image, "livekit/") { // the versions that the end-to-end tests run
			if _, version, _ := strings.Cut(s.Image, ":v"); !strings.Contains(versions, "="+version+"\n") {
				t.Errorf("%s: %s is not what is tested", name, s.Image)
			}
		}
	}
}

// TestNoSecretIsKept: what setup.sh writes beside itself stays out of the repository.
func TestNoSecretIsKept(t *testing.T) {
	if !strings.Contains(read(t, ".gitignore"), "config/") {
		t.Error("config/ is not ignored")
	}
	out, err := exec.Command("sh", "-n", "setup.sh").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v %s", err, out)
	}
}
