package site

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 15 * time.Second: "15s", 500 * time.Millisecond: "500ms", 2 * time.Minute: "2m",
		90 * time.Second: "1m30s", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v prints as %q, want %q", d, got, want)
		}
		var back Duration
		if err := back.UnmarshalText([]byte(want)); err != nil || back.Std() != d {
			t.Errorf("%q reads as %v, %v", want, back.Std(), err)
		}
	}
}

func TestPortRangeText(t *testing.T) {
	for text, want := range map[string]PortRange{
		"": {}, "40000-40200": {40000, 40200}, "1024-65535": {1024, 65535}, "5000 - 5000": {5000, 5000},
	} {
		var got PortRange
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q reads as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"-", "1-2-3", "40000-70000", "a-b", "40000", "-5", "2000-1000", "80-90"} {
		r := PortRange{1, 2}
		if err := r.UnmarshalText([]byte(text)); err == nil || r != (PortRange{1, 2}) {
			t.Errorf("%q reads as %v", text, r)
		}
	}
	if n := (PortRange{40000, 40200}).Size(); n != 201 {
		t.Errorf("size = %d", n)
	}
	if n := (PortRange{}).Size(); n != 0 {
		t.Errorf("size of any = %d", n)
	}
}

func TestSlogLevel(t *testing.T) {
	for level, want := range map[Level]slog.Level{
		LevelDebug: slog.LevelDebug, LevelInfo: slog.LevelInfo, LevelWarn: slog.LevelWarn, LevelError: slog.LevelError,
	} {
		if got := (Log{Level: level}).SlogLevel(); got != want {
			t.Errorf("%s is %v", level, got)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"url", "via", "hold", "stall", "transport", "password_file"}
	for typed, want := range map[string]string{
		"ur": "url", "URL": "url", "vai": "via", "hodl": "hold", "stal": "stall", "transprot": "transport",
		"tranpsort": "transport", "password-file": "password_file", "passwordfile": "password_file",
		"vxx": "", "colour": "", "": "", "helmet": "",
	} {
		got := didYouMean(typed, words)
		if want != "" {
			want = ` (did you mean "` + want + `"?)`
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

func TestSecretsAsCredentials(t *testing.T) {
	dir, given := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "site.yaml")
	write(file, `
livekit: {url: "wss://livekit.example.com", room: r, api_key_file: secrets/key, api_secret_file: secrets/secret}
cameras:
  - {name: gate, url: "rtsp://192.0.2.1/", username: u, password_file: ../outside}
`)
	write(filepath.Join(dir, "secrets/key"), "key of the file")
	write(filepath.Join(dir, "secrets/secret"), "secret of the file")
	write(filepath.Join(filepath.Dir(dir), "outside"), "password")
	write(filepath.Join(given, "secrets_secret"), "secret of systemd")
	write(filepath.Join(given, ".._outside"), "not this")

	for name, c := range map[string]struct{ credentials, secret string }{
		"without systemd": {"", "secret of the file"},
		"with systemd":    {given, "secret of systemd"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(file, func(name string) string {
				if name == "CREDENTIALS_DIRECTORY" {
					return c.credentials
				}
				return ""
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := cfg.LiveKit.APIKey.Reveal(); got != "key of the file" {
				t.Errorf("key: %q", got)
			}
			if got := cfg.LiveKit.APISecret.Reveal(); got != c.secret {
				t.Errorf("secret: %q, want %q", got, c.secret)
			}
			if got := cfg.Cameras[0].Password.Reveal(); got != "password" {
				t.Errorf("password: %q", got)
			}
		})
	}
}
