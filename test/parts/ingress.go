package parts

import (
	"fmt"
	"testing"
	"time"
)

// Ingress is a LiveKit Ingress that publishes into its livekit-server without
// transcoding. It terminates WHIP itself unless it is a proxy.
type Ingress struct {
	*Process
	host                 string
	healthPort, whipPort int
}

func startIngress(t testing.TB, l *LiveKit, proxy bool) *Ingress {
	t.Helper()
	i := &Ingress{host: l.host, healthPort: FreePort(t), whipPort: l.ingressPort}
	// The admission cost below zero keeps a busy machine from refusing
	// sessions: what Ingress does for a camera here costs it next to nothing.
	config := fmt.Sprintf(`
api_key: %s
api_secret: %s
ws_url: %s
redis: {address: %s}
health_port: %d
rtmp_port: -1
http_relay_port: %d
whip_port: %d
whip_proxy_enabled: %t
rtc_config:
  udp_port: %d
  node_ip: %q
  use_external_ip: false
  enable_loopback_candidate: true
  ips: {includes: [%q]}
cpu_cost:
  min_idle_ratio: 0.001
  whip_bypass_transcoding_cpu_cost: -100
logging: {level: info}
`, l.Key, l.Secret, l.URL(), l.redis.address(), i.healthPort, FreePort(t), i.whipPort, proxy, FreePort(t), l.host, prefixOf(l.host))
	i.Process = Run(t, Command{
		Name: "ingress",
		Path: cached(t, "bin", "ingress-"+version(t, "INGRESS_VERSION")),
		Args: []string{"--config", writeConfig(t, "ingress.yaml", config)},
	})
	i.WaitReady()
	return i
}

// WHIP is the WHIP endpoint; the stream key is the token.
func (i *Ingress) WHIP() string { return "http://" + hostPort(i.host, i.whipPort) + "/w" }

// WaitReady returns once the server answers.
func (i *Ingress) WaitReady() {
	i.t.Helper()
	i.ready(30*time.Second, func() error {
		if err := getOK(httpClient, fmt.Sprintf("http://%s/", hostPort(i.host, i.healthPort))); err != nil {
			return err
		}
		return dial(i.host, i.whipPort)
	})
}
