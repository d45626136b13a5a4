package site

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

// mediaConfig is what all targets have in common.
func mediaConfig(n Network) whip.Config {
	cfg := whip.Config{
		UDPPorts:   [2]uint16{n.UDPPorts.First, n.UDPPorts.Last},
		Interfaces: n.Interfaces,
		RelayOnly:  n.RelayOnly,
		NoTCP:      !n.ICETCP,
		DSCP:       n.DSCP,
	}
	for _, s := range n.ICEServers {
		cfg.ICEServers = append(cfg.ICEServers, whip.ICEServer{
			URL: s.URL, Username: s.Username, Credential: s.Credential.Reveal(),
		})
	}
	return cfg
}

func (t ServerTLS) whip() whip.TLS {
	return whip.TLS{CAFile: t.CAFile, SHA256: t.SHA256, Insecure: t.Insecure}
}

// httpClientOf is nil, for the usual client, unless the certificate is judged in a
// way of its own.
func httpClientOf(t ServerTLS) (*http.Client, error) {
	cfg, err := t.whip().Config()
	if cfg == nil || err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = cfg
	transport.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{Transport: transport}, nil
}

// iceServer checks one entry of network.ice_servers (RFC 7064, RFC 7065).
func (c *checker) iceServer(path string, s *ICEServer) {
	scheme, rest, _ := strings.Cut(s.URL, ":")
	stun := scheme == "stun" || scheme == "stuns"
	host, query, _ := strings.Cut(rest, "?")
	switch {
	case s.URL == "":
		c.missing(join(path, "url"), `such as "turn:turn.example.com:3478?transport=udp"`)
	case !stun && scheme != "turn" && scheme != "turns":
		c.fail(join(path, "url"), "must begin with stun:, stuns:, turn: or turns:")
	case host == "" || strings.ContainsAny(host, "/@ "):
		c.fail(join(path, "url"), "must go on with a host and perhaps a port, no // and no user")
	case query != "" && (stun || !slices.Contains([]string{"transport=udp", "transport=tcp"}, query)):
		c.fail(join(path, "url"), "%s: the only parameter is transport=udp or transport=tcp, of TURN", quoted(query))
	}
	c.secret(join(path, "credential"), &s.Credential, join(path, "credential_file"), s.CredentialFile, true)
	given := s.Username != "" && (!s.Credential.Empty() || s.CredentialFile != "")
	if strings.HasPrefix(scheme, "turn") && !given {
		c.missing(join(path, "username"), "a TURN server wants a user name and a credential")
	}
	c.text(join(path, "username"), s.Username, 512)
}

// serverTLS checks how a server's certificate is to be judged.
func (c *checker) serverTLS(path string, t *ServerTLS, server string) {
	if *t == (ServerTLS{}) {
		return
	}
	if t.SHA256 != "" {
		if digits, ok := fingerprint(t.SHA256); ok {
			t.SHA256 = digits
		} else {
			c.fail(join(path, "sha256"), "%s: not a SHA-256 fingerprint (64 hexadecimal digits, colons allowed)", quoted(t.SHA256))
		}
		if t.Insecure {
			c.fail(join(path, "insecure"), "contradicts sha256: give one of them")
		}
	}
	if t.CAFile != "" && !strings.HasPrefix(t.CAFile, "/") && !filepath.IsAbs(t.CAFile) {
		c.fail(join(path, "ca_file"), "%s: must be an absolute name", quoted(t.CAFile))
	}
	if u, err := url.Parse(server); err == nil && (u.Scheme == "http" || u.Scheme == "ws") {
		c.fail(path, "has no effect: the url is %s://, not %s://", u.Scheme, u.Scheme+"s")
	}
}
