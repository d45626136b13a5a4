package whip

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"github.com/pion/stun/v4"
)

// relayDialTimeout bounds a connection to a TURN server, TLS included.
const relayDialTimeout = 5 * time.Second

// stuckWrite is how long a write to a TURN server over TCP or TLS may take. By then
// not even a packet's worth of bytes has been acknowledged for as long.
const stuckWrite = 2 * time.Second

// relayDialer makes the ICE agent's connections to TURN servers over TCP. The agent's
// own way waits as long as the system does for a server that is not there, longer than
// a session may take to close, and trusts the system's authorities alone.
type relayDialer func(network, address string) (net.Conn, error)

// Dial implements proxy.Dialer.
func (d relayDialer) Dial(network, address string) (net.Conn, error) { return d(network, address) }

// dialRelays returns a dialer for the servers that the function names at the time; it
// gives up when ctx ends.
func dialRelays(ctx context.Context, servers func() []*stun.URI, config *tls.Config) relayDialer {
	return func(network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, relayDialTimeout)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn = &promptConn{conn}
		host, ok := overTLS(servers(), address)
		if !ok {
			return conn, nil
		}
		c := config.Clone()
		c.ServerName = host
		secured := tls.Client(conn, c)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return plainAddress{secured, conn}, nil
	}
}

// promptConn is closed by a write that gets stuck: a message has gone out in part.
// When the address that a connection is bound to goes, nobody acknowledges what is
// sent, and the system tries for a quarter of an hour: a write would block for as long,
// and with it the agent, which writes its checks the same way and would neither notice
// the silence nor be restarted.
type promptConn struct{ net.Conn }

func (c *promptConn) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(stuckWrite))
	n, err := c.Conn.Write(b)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// plainAddress is a TLS connection whose addresses are those of TCP, as the agent
// takes for granted.
type plainAddress struct {
	*tls.Conn
	tcp net.Conn
}

// LocalAddr is a *net.TCPAddr.
func (p plainAddress) LocalAddr() net.Addr { return p.tcp.LocalAddr() }

// overTLS tells whether the server at an address is spoken to over TLS, and its name.
func overTLS(servers []*stun.URI, address string) (host string, ok bool) {
	for _, u := range servers {
		if u.Scheme == stun.SchemeTypeTURNS && net.JoinHostPort(u.Host, strconv.Itoa(u.Port)) == address {
			return u.Host, true
		}
	}
	return "", false
}

// relayTLS is how the certificates of TURN servers are judged: as those of the WHIP
// server, but that a fingerprint is of that server's alone.
func (t TLS) relayTLS() (*tls.Config, error) {
	t.SHA256 = ""
	config, err := t.Config()
	if config == nil && err == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return config, err
}
