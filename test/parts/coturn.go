package parts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"testing"
	"time"
)

// Coturn is Debian's TURN server, over UDP and TCP on one port, and over TLS on
// another where it has a certificate.
type Coturn struct {
	*Process
	Secret        string // what users' credentials are made with
	host          string
	port, tlsPort int
}

// StartCoturn starts it at an address. The certificate may be nil.
func StartCoturn(t testing.TB, host string, cert *Certificate) *Coturn {
	t.Helper()
	c := &Coturn{Secret: rand.Text(), host: hostOr(host), port: FreePort(t), tlsPort: FreePort(t)}
	tls := "no-tls\n"
	if cert != nil {
		tls = fmt.Sprintf("tls-listening-port=%d\ncert=%s\npkey=%s\n", c.tlsPort, cert.CertFile, cert.KeyFile)
	}
	config := writeConfig(t, "turnserver.conf", fmt.Sprintf(`
listening-ip=%s
relay-ip=%s
listening-port=%d
%sno-dtls
no-cli
no-rfc5780
use-auth-secret
static-auth-secret=%s
realm=test
min-port=40000
max-port=49999
pidfile=/dev/null
log-file=stdout
simple-log
`, c.host, c.host, c.port, tls, c.Secret))
	c.Process = Run(t, Command{
		Name: "turnserver",
		Path: installed(t, "turnserver"),
		Args: []string{"-c", config},
	})
	c.ready(20*time.Second, func() error { return dial(c.host, c.port) })
	return c
}

// URL is the server's, over "udp", "tcp" or "tls".
func (c *Coturn) URL(transport string) string {
	if transport == "tls" {
		return fmt.Sprintf("turns:%s?transport=tcp", hostPort(c.host, c.tlsPort))
	}
	return fmt.Sprintf("turn:%s?transport=%s", hostPort(c.host, c.port), transport)
}

// Credentials are good for an hour, made as every server does that shares the
// secret.
func (c *Coturn) Credentials() (username, credential string) {
	username = fmt.Sprintf("%d:camera", time.Now().Add(time.Hour).Unix())
	mac := hmac.New(sha1.New, []byte(c.Secret))
	mac.Write([]byte(username))
	return username, base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// LiveKit is the entry of livekit-server's rtc section that recommends the server.
func (c *Coturn) LiveKit(transport string) string {
	port := c.port
	if transport == "tls" {
		port = c.tlsPort
	}
	return fmt.Sprintf("  turn_servers:\n  - {host: %q, port: %d, protocol: %s, secret: %q}\n", c.host, port, transport, c.Secret)
}

// Port is where it takes UDP and TCP.
func (c *Coturn) Port() int { return c.port }
