package whip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

func TestTLSSettings(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{TLS: true})
	cert := server.Certificate()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert)
	pin := hex.EncodeToString(sum[:])
	for name, settings := range map[string]TLS{
		"CA file": {CAFile: ca}, "fingerprint": {SHA256: pin}, "fingerprint with colons": {SHA256: colons(strings.ToUpper(pin))},
		"insecure": {Insecure: true}, "both": {CAFile: ca, SHA256: pin},
	} {
		t.Run(name, func(t *testing.T) {
			if s := publish(t, server, Config{TLS: settings}, videoTrack); s.Err() != nil {
				t.Error(s.Err())
			}
		})
	}
	client, err := New(Config{Endpoint: server.URL(), TLS: TLS{SHA256: strings.Repeat("ab", 32), Insecure: true}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Publish(t.Context(), []Track{videoTrack})
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Error(), pin) || !e.Slow() || e.Hint() == "" {
		t.Errorf("another certificate: %v", err)
	}
}

func colons(s string) string {
	var parts []string
	for ; s != ""; s = s[2:] {
		parts = append(parts, s[:2])
	}
	return strings.Join(parts, ":")
}

func TestBadTLSSettings(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"no file":            {TLS: TLS{CAFile: filepath.Join(t.TempDir(), "none.pem")}},
		"no certificate":     {TLS: TLS{CAFile: empty}},
		"short fingerprint":  {TLS: TLS{SHA256: "abcd"}},
		"beside HTTP client": {TLS: TLS{Insecure: true}, HTTPClient: http.DefaultClient},
	} {
		cfg.Endpoint = "https://host.example/w"
		var e *Error
		if _, err := New(cfg); !errors.As(err, &e) || !e.Slow() || e.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
