//go:build e2e && full && linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// Every TURN server that livekit-server can name is used when it is the only way:
// its own and coturn, over UDP, TCP and TLS.
func TestTURNServers(t *testing.T) {
	if !parts.Isolated(t) {
		return
	}
	box := parts.NewBox(t, parts.BoxIPv4)
	cert := parts.NewCertificate(t, parts.FarIPv4)
	turn := parts.StartCoturn(t, parts.FarIPv4, cert)
	embedded := parts.FreePort(t)
	own := func(more string) parts.LiveKitOptions {
		return parts.LiveKitOptions{Host: parts.FarIPv4, More: fmt.Sprintf("turn:\n  enabled: true\n  domain: %q\n%s", parts.FarIPv4, more)}
	}
	coturn := func(transport string) parts.LiveKitOptions {
		return parts.LiveKitOptions{Host: parts.FarIPv4, RTC: turn.LiveKit(transport)}
	}
	const noUDP = "meta l4proto udp"
	for name, c := range map[string]struct {
		options  parts.LiveKitOptions
		firewall string
	}{
		"livekit-server's own over UDP": {own(fmt.Sprintf("  udp_port: %d\n", embedded)), fmt.Sprintf("udp dport != %d", embedded)},
		"livekit-server's own over TLS": {own(fmt.Sprintf("  tls_port: 443\n  cert_file: %q\n  key_file: %q\n", cert.CertFile, cert.KeyFile)), noUDP},
		"coturn over UDP":               {coturn("udp"), fmt.Sprintf("udp dport != %d", turn.Port())},
		"coturn over TCP":               {coturn("tcp"), noUDP},
		"coturn over TLS":               {coturn("tls"), noUDP},
	} {
		t.Run(name, func(t *testing.T) {
			lk := parts.StartLiveKitWith(t, c.options)
			box.Firewall(c.firewall)
			defer box.Firewall()
			gateway, _ := playsInRoom(t, box, lk, "SSL_CERT_FILE="+cert.CertFile)
			if path := status(t, gateway, "gate").Path; !strings.Contains(path, "(relay)") {
				t.Errorf("the path is %s, want one by the TURN server", path)
			}
		})
	}
}
