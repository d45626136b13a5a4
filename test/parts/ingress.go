package parts

import (
	"fmt"
	"testing"
	"time"
)

// Ingress is a LiveKit Ingress that terminates WHIP itself and publishes into
// its livekit-server without transcoding.
type Ingress struct {
	*Process
	healthPort, whipPort int
}

func startIngress(t testing.TB, l *LiveKit) *Ingress {
	t.Helper()
	i := &Ingress{healthPort: FreePort(t), whipPort: l.ingressPort}
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
rtc_config:
  udp_port: %d
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  interfaces: {includes: [lo]}
cpu_cost:
  min_idle_ratio: 0.001
  whip_bypass_transcoding_cpu_cost: -100
logging: {level: info}
`, l.Key, l.Secret, l.URL(), l.redis.address(), i.healthPort, FreePort(t), i.whipPort, FreePort(t))
	i.Process = Run(t, Command{
		Name: "ingress",
		Path: cached(t, "bin", "ingress-"+version(t, "INGRESS_VERSION")),
		Args: []string{"--config", writeConfig(t, "ingress.yaml", config)},
	})
	i.WaitReady()
	return i
}

// WaitReady returns once the server answers.
func (i *Ingress) WaitReady() {
	i.t.Helper()
	i.ready(30*time.Second, func() error {
		if err := getOK(fmt.Sprintf("http://127.0.0.1:%d/", i.healthPort)); err != nil {
			return err
		}
		return dial(i.whipPort)
	})
}
