package site

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

func TestMediaConfig(t *testing.T) {
	got := mediaConfig(Network{UDPPorts: PortRange{40000, 40009}, RelayOnly: true, DSCP: true, ICEServers: []ICEServer{
		{URL: "turn:h", Username: "u", Credential: secret.New("c")},
	}})
	if got.UDPPorts != [2]uint16{40000, 40009} || !got.RelayOnly || !got.NoTCP || !got.DSCP ||
		!slices.Equal(got.ICEServers, []whip.ICEServer{{URL: "turn:h", Username: "u", Credential: "c"}}) {
		t.Errorf("%+v", got)
	}
	if mediaConfig(Default().Network).NoTCP {
		t.Error("no ICE-TCP by default")
	}
}

// A target keeps its client, and with it what was learnt about the server, for as
// long as the endpoint is the same.
func TestTargetKeepsItsClient(t *testing.T) {
	cam := DefaultCamera()
	cam.Name, cam.Via, cam.WHIP = "a", ViaWHIP, &WHIP{URL: "https://h/w", TLS: ServerTLS{Insecure: true}}
	cfg := Default()
	target, err := newTarget(cam, &cfg, nil, whip.Config{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !target.media.TLS.Insecure {
		t.Error("the endpoint's tls section is not used")
	}
	first, err := target.clientFor(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := target.clientFor(context.Background()); again != first {
		t.Error("another client for the same endpoint")
	}
	_ = target.refused(&whip.Error{Status: 404})
	if again, _ := target.clientFor(context.Background()); again == first {
		t.Error("the same client after the endpoint was forgotten")
	}
}

func TestHTTPClientOf(t *testing.T) {
	if c, err := httpClientOf(ServerTLS{}); c != nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	if c, err := httpClientOf(ServerTLS{Insecure: true}); c == nil || err != nil {
		t.Errorf("%v, %v", c, err)
	}
	if _, err := httpClientOf(ServerTLS{CAFile: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("no error for a CA file that is not there")
	}
}
