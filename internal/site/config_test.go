package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

func parse(t *testing.T, text string, env map[string]string) *Config {
	t.Helper()
	cfg, err := Parse("site.yaml", []byte(text), Sources{
		Env:    func(name string) string { return env[name] },
		Secret: testSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestFullFile(t *testing.T) {
	data, err := os.ReadFile("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := parse(t, string(data), map[string]string{
		"LIVEKIT_URL": "wss://other.example.com", "LIVEKIT_API_KEY": "other", "LIVEKIT_API_SECRET": "other",
	})
	sum := strings.Repeat("abcdef0123456789", 4)
	shared := DefaultCamera()
	shared.Username, shared.PasswordFile = "viewer", "gate"
	shared.Pacing = PacingAuto
	shared.Attributes = map[string]string{"site": "north", "floor": "0"}
	shared.Transport, shared.Hold, shared.TLS.Insecure = TransportTCP, Duration(time.Minute), true

	gate := shared
	gate.Name, gate.URL = "gate", "rtsp://10.0.0.11:554/user=admin_password=x?channel=1#a"
	gate.SubURL = "rtsp://10.0.0.11:554/user=admin_password=x?channel=2#a"
	gate.Password = secret.New("hunter2")
	gate.Room, gate.Identity, gate.DisplayName, gate.Via = "site-42", "gate", "gate", ViaServer

	shed := shared
	shed.Name, shed.URL, shed.Identity, shed.DisplayName = "shed", "rtsp://10.0.0.13", "shed", "shed"
	shed.Username, shed.Password, shed.PasswordFile = "me", secret.New("p@ss"), ""
	shed.Via, shed.Codec = ViaWHIP, CodecH265
	shed.WHIP = &WHIP{URL: "https://whip.example.com/shed?x=1", TokenFile: "yard", Token: secret.New("hunter2"),
		TLS: ServerTLS{CAFile: "/etc/ca.pem", SHA256: sum}}

	want := &Config{
		LiveKit: LiveKit{
			URL: "wss://livekit.example.com", Site: "north", Room: "site-42", Via: ViaServer, WHIPURL: "https://whip.example.com/w",
			Poll:       Duration(5 * time.Second),
			APIKeyFile: "key", APIKey: secret.New("key"), APISecretFile: "secret", APISecret: secret.New("hunter2"),
		},
		Defaults: shared,
		Cameras: []Camera{gate, {
			Name: "yard", URL: "rtsps://10.0.0.12/stream", Username: "admin", Password: secret.New("0123"),
			Room: "yard", Identity: "cam yard", DisplayName: "Yard 北", Metadata: `{"floor": 0}`,
			Attributes: map[string]string{"floor": "1", "name.of-it": "yard"},
			Publish:    PublishOnDemand, OnDemand: OnDemandCold,
			Transport: TransportUDP, Audio: AudioOff, Stall: Duration(time.Second), SEI: SEIPass, OnLoss: OnLossPass, BFrames: BFramesDrop,
			Pacing:     7_000_000,
			VideoTrack: "1", Codec: CodecH264, KeyFrame: KeyFrameONVIF, Web: "https://10.0.0.12:8443/onvif/device_service", TLS: TLS{SHA256: sum}, Via: ViaIngress,
		}, shed},
		Network: Network{UDPPorts: PortRange{40000, 40009}, Interfaces: []string{"eth0", "wlan0"},
			ICEServers: []ICEServer{{URL: "stun:stun.example.com:3478"}, {
				URL: "turns:turn.example.com?transport=tcp", Username: "u", Credential: secret.New("hunter2"), CredentialFile: "yard",
			}}, RelayOnly: true, DSCP: true},
		Log: Log{Level: LevelDebug, Format: FormatJSON},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if n := len(got.EnabledCameras()); n != 2 {
		t.Errorf("%d cameras are enabled", n)
	}
	checkComplete(t, got)
}

func TestEnvironmentFillsIn(t *testing.T) {
	env := map[string]string{
		"LIVEKIT_URL": "wss://env.example.com", "LIVEKIT_API_KEY": "env-key", "LIVEKIT_API_SECRET": "env-secret\n",
	}
	lk := parse(t, "livekit: {room: r, api_key: own}\ncameras: [{name: a, url: rtsp://h/}]\n", env).LiveKit
	if lk.URL != "wss://env.example.com" || lk.APIKey.Reveal() != "own" || lk.APISecret.Reveal() != "env-secret" {
		t.Errorf("got %q, %q, %q", lk.URL, lk.APIKey.Reveal(), lk.APISecret.Reveal())
	}
	lk = parse(t, "livekit: {room: r, url: ws://own, api_key_file: key}\ncameras: [{name: a, url: rtsp://h/}]\n", env).LiveKit
	if lk.URL != "ws://own" || lk.APIKey.Reveal() != "key" {
		t.Errorf("got %q, %q", lk.URL, lk.APIKey.Reveal())
	}
}

// A camera's own value comes before a different kind of the same thing that
// the defaults hold.
func TestNearerWins(t *testing.T) {
	const file = `
livekit: {url: ws://h, room: r, api_key: k, api_secret: s}
defaults:
  username: viewer
  password_file: gate
  whip: {token_file: yard}
cameras:
  - {name: a, url: rtsp://h/a, password: own, via: server}
  - {name: b, url: rtsp://h/b, whip: {url: "http://h/b"}}
  - {name: c, url: rtsp://h/c, whip: {url: "http://h/c", token: own}}
`
	cams := parse(t, file, nil).Cameras
	if a := cams[0]; a.Password.Reveal() != "own" || a.PasswordFile != "" || a.Via != ViaServer || a.WHIP != nil {
		t.Errorf("a: %+v", a)
	}
	if b := cams[1]; b.Password.Reveal() != "hunter2" || b.WHIP.URL != "http://h/b" || b.WHIP.TokenFile != "yard" || b.WHIP.Token.Reveal() != "hunter2" {
		t.Errorf("b: %+v %+v", b, b.WHIP)
	}
	if c := cams[2]; c.WHIP.URL != "http://h/c" || c.WHIP.TokenFile != "" || c.WHIP.Token.Reveal() != "own" {
		t.Errorf("c: %+v %+v", c, c.WHIP)
	}
}

func TestDefaultsMayStandLast(t *testing.T) {
	cfg := parse(t, "cameras: [{name: a, url: rtsp://h/, whip: {url: http://h/}}]\ndefaults: {hold: 3s}\n", nil)
	if cfg.Cameras[0].Hold.Std() != 3*time.Second {
		t.Errorf("hold = %s", cfg.Cameras[0].Hold)
	}
}

// Empty sections are what is left when every key in them is commented out.
func TestEmptySections(t *testing.T) {
	cfg := parse(t, "livekit:\ndefaults:\nnetwork:\nadmin:\nlog:\ncameras: [{name: a, url: rtsp://h/, tls: , whip: {url: http://h/}}]\n", nil)
	if cfg.Admin.Listen != "127.0.0.1:9920" || cfg.Log.Level != LevelInfo {
		t.Errorf("defaults are lost: %+v", cfg)
	}
	if off := parse(t, "admin: {listen: \"\"}\ncameras: [{name: a, url: rtsp://h/, whip: {url: http://h/}}]\n", nil); off.Admin.Listen != "" {
		t.Errorf("admin.listen = %q", off.Admin.Listen)
	}
}

// A camera that is switched off needs neither its secrets nor a room yet.
func TestDisabledCamera(t *testing.T) {
	cfg := parse(t, "cameras: [{name: a, url: rtsp://h/, enabled: false, username: u, password_file: missing}]\n", nil)
	if len(cfg.EnabledCameras()) != 0 {
		t.Error("the camera is enabled")
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := func(string) string { return "" }
	write("token", "hunter2\n")
	path := write("site.yaml", "cameras: [{name: a, url: rtsp://h/, whip: {url: http://h/, token_file: token}}]\n")
	cfg, err := Load(path, env)
	if err != nil || cfg.Cameras[0].WHIP.Token.Reveal() != "hunter2" {
		t.Fatalf("a relative secret file was not found: %v", err)
	}
	path = write("site.yaml", "cameras: [{name: a, url: rtsp://h/, whip: {url: http://h/, token_file: nowhere}}]\n")
	_, err = Load(path, env)
	var all Errors
	if !errors.As(err, &all) || len(all) != 1 || all[0].Line != 1 || all[0].Path != "cameras[0].whip.token_file" {
		t.Errorf("got %v", err)
	}
	var one *Error
	if !errors.As(err, &one) || one != all[0] {
		t.Error("errors.As finds no single error")
	}
	if _, err = Load(filepath.Join(dir, "none.yaml"), env); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), "none.yaml") != 1 {
		t.Errorf("got %v", err)
	}
	if _, err = Load(dir, env); err == nil {
		t.Error("a directory was read")
	}
	path = write("site.yaml", strings.Repeat("#\n", MaxSize/2+1))
	if _, err = Load(path, env); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func TestNestingIsLimited(t *testing.T) {
	for _, s := range []string{"[", "{a: ", "- ", "? "} {
		if _, err := Parse("x", []byte(strings.Repeat(s, 100_000)), Sources{}); err == nil || err.Error() != "x: the file is nested too deeply" {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestComplete(t *testing.T) {
	cfg := Default()
	cam := cfg.Defaults
	cam.Name, cam.URL = "a", "rtsp://u:hunter2@h/"
	cfg.Cameras = []Camera{cam}
	cfg.LiveKit.Room = "r"
	env := map[string]string{"LIVEKIT_URL": "ws://h", "LIVEKIT_API_KEY": "k"}
	from := Sources{Env: func(name string) string { return env[name] }}
	err := cfg.Complete(from)
	if err == nil || err.Error() != "livekit.api_secret: missing: give api_secret_file, api_secret or LIVEKIT_API_SECRET" {
		t.Errorf("got %v", err)
	}
	env["LIVEKIT_API_SECRET"] = "s"
	if err := cfg.Complete(from); err != nil {
		t.Fatal(err)
	}
	if got := cfg.Cameras[0]; got.URL != "rtsp://h/" || got.Username != "u" || got.Password.Reveal() != "hunter2" || got.Via != ViaIngress {
		t.Errorf("got %+v", got)
	}
	checkComplete(t, &cfg)
}

// What listens beyond this machine needs a token; loopback does not.
func TestAdminToken(t *testing.T) {
	const rest = "cameras: [{name: a, url: rtsp://h/, whip: {url: http://h/}}]\n"
	for _, listen := range []string{"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "LOCALHOST:1", "[::1]:1", "[::ffff:127.0.0.1]:1"} {
		if a := parse(t, fmt.Sprintf("admin: {listen: %q}\n", listen)+rest, nil).Admin; a.Listen != listen || !a.Token.Empty() {
			t.Errorf("%s: %+v", listen, a)
		}
	}
	for _, listen := range []string{":1", "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "box.example.com:1", "localhost.example.com:1"} {
		if _, err := Parse("", []byte(fmt.Sprintf("admin: {listen: %q}\n", listen)+rest), Sources{}); err == nil {
			t.Errorf("%s without a token: no error", listen)
		}
		with := fmt.Sprintf("admin: {listen: %q, token: 0123456789abcdef}\n", listen) + rest
		if got := parse(t, with, nil).Admin.Token.Reveal(); got != "0123456789abcdef" {
			t.Errorf("%s: token %q", listen, got)
		}
	}
}
