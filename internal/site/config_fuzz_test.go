package site

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(Example))
	f.Add([]byte("a: &a [*a, <<: *a]\n"))
	f.Add([]byte("cameras: !!seq [{? {a: b} : c}]\n--- |\n x\n"))
	from := Sources{
		Env:    func(string) string { return "" },
		Secret: func(string) (secret.Secret, error) { return secret.New("fuzz"), nil },
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("site.yaml", data, from)
		if err == nil {
			checkComplete(t, cfg)
			return
		}
		var all Errors
		if cfg != nil || !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("got %v and an error of type %T", cfg, err)
		}
		for _, e := range all {
			if !strings.HasPrefix(e.Error(), "site.yaml:") || e.Text == "" || strings.ContainsAny(e.Error(), "\r\n\x1b") {
				t.Errorf("odd error: %q", e.Error())
			}
		}
	})
}

// checkComplete checks what everyone who uses a Config relies on.
func checkComplete(t *testing.T, cfg *Config) {
	t.Helper()
	if len(cfg.Cameras) == 0 {
		t.Error("no cameras")
	}
	for _, cam := range cfg.Cameras {
		if cam.Name == "" || cam.URL == "" || (cam.Identity == "") != (cam.RoomToken != nil) || strings.Contains(cam.URL, "@") && cam.Username == "" {
			t.Errorf("incomplete camera: %+v", cam)
		}
		if (cam.Via == ViaWHIP) != (cam.WHIP != nil) || cam.Via == "" || cam.WHIP != nil && cam.WHIP.URL == "" {
			t.Errorf("camera without a target: %+v", cam)
		}
		if cam.Enabled && cam.Via != ViaWHIP && (cam.Room == "" && cam.RoomToken == nil || cfg.LiveKit.URL == "") {
			t.Errorf("camera without a room: %+v", cam)
		}
	}
}
