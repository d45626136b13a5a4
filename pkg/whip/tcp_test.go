package whip

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/ice/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// Where no UDP gets through, media goes over TCP to the server's TCP candidate.
func TestICETCP(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{TCP: true, NoMedia: true})
	s := publish(t, server, Config{}, videoTrack)
	pump(t, s, 0, 1000)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 100)
	if pair := s.Stats().Pair; !strings.Contains(pair, "tcp") {
		t.Errorf("the path is %s", pair)
	}
}

// With UDP there, it is taken.
func TestUDPBeforeTCP(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{TCP: true})
	s := publish(t, server, Config{}, videoTrack)
	if pair := s.Stats().Pair; strings.Contains(pair, "tcp") || pair == "" {
		t.Errorf("the path is %s", pair)
	}
}

func TestNetworkTypes(t *testing.T) {
	for _, c := range []struct {
		cfg Config
		tcp bool
	}{{Config{}, true}, {Config{NoTCP: true}, false}, {Config{RelayOnly: true}, false}} {
		client := Client{cfg: c.cfg}
		tcp := false
		for _, n := range client.networkTypes() {
			tcp = tcp || n == ice.NetworkTypeTCP4
		}
		if tcp != c.tcp {
			t.Errorf("%+v: TCP %v", c.cfg, tcp)
		}
	}
}

func TestConsentPace(t *testing.T) {
	if got := consentPace(5 * time.Second); got < 4*time.Second {
		t.Errorf("a check every %v", got)
	}
	if got := consentPace(time.Second); got > time.Second/2 {
		t.Errorf("a check every %v", got)
	}
}
