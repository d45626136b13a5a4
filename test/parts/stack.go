package parts

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Stack is what deploy/livekit describes: livekit-server, Ingress and Redis behind
// Caddy, as setup.sh has written it but for the ports, and for certificates of
// Caddy's own authority.
type Stack struct {
	LiveKit *LiveKit
	// URL is the server's as clients have it, wss.
	URL string
	// CAFile is the certificate of Caddy's authority.
	CAFile string
	// HTTPS, HTTP, TCP and STUN are the ports that deploy/livekit/check.sh tries.
	HTTPS, HTTP, TCP, STUN int
}

// StartStack runs deploy/livekit/setup.sh and gives what it writes to the programs.
func StartStack(t testing.TB) *Stack {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "config")
	setup := exec.Command("sh", filepath.Join(root, "deploy/livekit/setup.sh"), "livekit.example.com", "--ip", "127.0.0.1", "--out", dir)
	if out, err := setup.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	redis := StartRedis(t)
	lk := &LiveKit{host: "127.0.0.1", port: FreePort(t), redis: redis, ingressPort: FreePort(t),
		Key: strings.TrimSpace(read("api_key")), Secret: strings.TrimSpace(read("api_secret"))}
	s := &Stack{LiveKit: lk, HTTPS: FreePort(t), HTTP: FreePort(t), TCP: FreePort(t), STUN: FreePort(t)}
	s.URL = fmt.Sprintf("wss://127.0.0.1:%d", s.HTTPS)
	health := FreePort(t)

	// Loopback is no address that anybody else would want in a room.
	const loopback = "node_ip: 127.0.0.1\n  enable_loopback_candidate: true\n  interfaces: {includes: [lo]}"
	moved := func(text string, pairs ...string) string {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(text, pairs[i]) {
				t.Fatalf("no %q in\n%s", pairs[i], text)
			}
			text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
		}
		return text
	}
	port := func(key string, n int) string { return fmt.Sprintf("%s: %d", key, n) }
	atRedis := redis.address()
	livekit := moved(read("livekit.yaml"), "\nport: 7880", "\n"+port("port", lk.port), "tcp_port: 7881", port("tcp_port", s.TCP),
		"udp_port: 3478", port("udp_port", s.STUN), "127.0.0.1:6379", atRedis, "node_ip: 127.0.0.1", loopback,
		"https://livekit.example.com/w", fmt.Sprintf("https://127.0.0.1:%d/w", s.HTTPS))
	lk.Process = Run(t, Command{
		Name: "livekit-server", Path: cached(t, "bin", "livekit-server-"+version(t, "LIVEKIT_SERVER_VERSION")),
		Args: []string{"--config", writeConfig(t, "livekit.yaml", livekit)},
	})
	lk.WaitReady()
	ingress := moved(read("ingress.yaml"), "127.0.0.1:6379", atRedis, "ws://127.0.0.1:7880", lk.URL(), "whip_port: 8080", port("whip_port", lk.ingressPort),
		"http_relay_port: 9090", port("http_relay_port", FreePort(t)), "health_port: 8081", port("health_port", health),
		"udp_port: 7885", port("udp_port", FreePort(t)), "node_ip: 127.0.0.1", loopback)
	// A busy machine must not have it refuse sessions.
	ingress += "cpu_cost: {min_idle_ratio: 0.001, whip_bypass_transcoding_cpu_cost: -100}\n"
	in := &Ingress{host: "127.0.0.1", healthPort: health, whipPort: lk.ingressPort}
	in.Process = Run(t, Command{
		Name: "ingress", Path: cached(t, "bin", "ingress-"+version(t, "INGRESS_VERSION")),
		Args: []string{"--config", writeConfig(t, "ingress.yaml", ingress)},
	})
	in.WaitReady()
	s.startCaddy(t, moved(read("Caddyfile"),
		"admin off", fmt.Sprintf("admin off\n\tskip_install_trust\n\thttp_port %d\n\thttps_port %d", s.HTTP, s.HTTPS),
		"livekit.example.com {", "127.0.0.1 {\n\ttls internal\n\tbind 127.0.0.1",
		"127.0.0.1:8080", fmt.Sprintf("127.0.0.1:%d", lk.ingressPort), "127.0.0.1:7880", fmt.Sprintf("127.0.0.1:%d", lk.port)))
	return s
}

func (s *Stack) startCaddy(t testing.TB, config string) {
	t.Helper()
	data := t.TempDir()
	caddy := Run(t, Command{
		Name: "caddy", Path: installed(t, "caddy"),
		Args: []string{"run", "--adapter", "caddyfile", "--config", writeConfig(t, "Caddyfile", config)},
		Env:  []string{"XDG_DATA_HOME=" + data, "XDG_CONFIG_HOME=" + data},
	})
	s.CAFile = filepath.Join(data, "caddy/pki/authorities/local/root.crt")
	caddy.ready(30*time.Second, func() error {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return err
		}
		authorities := x509.NewCertPool()
		authorities.AppendCertsFromPEM(pem)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}
		defer transport.CloseIdleConnections()
		return getOK(&http.Client{Transport: transport, Timeout: 5 * time.Second}, fmt.Sprintf("https://127.0.0.1:%d/", s.HTTPS))
	})
}
