package site

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
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
	target, err := newTarget(cam, cfg.LiveKit, nil, whip.Config{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !target.media.TLS.Insecure {
		t.Error("the endpoint's tls section is not used")
	}
	first, _, err := target.clientFor(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if again, _, _ := target.clientFor(context.Background()); again != first {
		t.Error("another client for the same endpoint")
	}
	_ = target.refused(&whip.Error{Status: 404})
	if again, _, _ := target.clientFor(context.Background()); again == first {
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

// Whatever a session adds to a packet has its room, so that none exceeds 1,200 bytes.
func TestExtensionsHaveRoom(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Extras: true})
	client, err := whip.New(whip.Config{Endpoint: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Publish(t.Context(), []whip.Track{
		{Kind: whip.Video, Codecs: []whip.Codec{{Name: whip.H264}}}, {Kind: whip.Audio, Codecs: []whip.Codec{{Name: whip.Opus}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.ExtensionBytes(); n == 0 || n > publisher.ExtensionRoom {
		t.Errorf("%d bytes of extensions, room for %d", n, publisher.ExtensionRoom)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
