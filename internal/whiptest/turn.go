package whiptest

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/turn/v5"
)

// User name and credential of a TURN server. The credential must turn up in no log
// and no error of a client.
const (
	TURNUser       = "relay-user"
	TURNCredential = "s3cr3tRelay99"
)

// TURN is a TURN server on loopback, over UDP, TCP and TLS.
type TURN struct {
	turn.RelayAddressGeneratorStatic
	delay  time.Duration
	port   int
	secure int // port of TLS
	ca     string
	server *turn.Server

	mu     sync.Mutex
	relays map[string]bool
}

// NewTURN starts a TURN server that lives until the test ends. The delay comes before
// each allocation.
func NewTURN(t testing.TB, delay time.Duration) *TURN {
	t.Helper()
	s := &TURN{delay: delay, relays: map[string]bool{}}
	s.RelayAddress, s.Address = net.IPv4(127, 0, 0, 1), "127.0.0.1"
	tcp, udp, err := listenBoth()
	if err != nil {
		t.Fatal(err)
	}
	s.port = tcp.Addr().(*net.TCPAddr).Port
	certificate, ca := newCA(t)
	secure, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	s.secure, s.ca = secure.Addr().(*net.TCPAddr).Port, ca
	const realm = "whiptest"
	s.server, err = turn.NewServer(turn.ServerConfig{
		Realm:         realm,
		LoggerFactory: quiet(),
		AuthHandler: func(r *turn.RequestAttributes) (string, []byte, bool) {
			return r.Username, turn.GenerateAuthKey(TURNUser, realm, TURNCredential), r.Username == TURNUser
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: udp, RelayAddressGenerator: s}},
		ListenerConfigs:   []turn.ListenerConfig{{Listener: tcp, RelayAddressGenerator: s}, {Listener: secure, RelayAddressGenerator: s}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.server.Close() })
	return s
}

// listenBoth takes a port that is free for TCP and UDP.
func listenBoth() (tcp net.Listener, udp net.PacketConn, err error) {
	for range 20 {
		if tcp, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
			return nil, nil, err
		}
		if udp, err = net.ListenPacket("udp4", tcp.Addr().String()); err == nil {
			return tcp, udp, nil
		}
		_ = tcp.Close()
	}
	return nil, nil, err
}

// AllocatePacketConn makes a relay, and remembers it.
func (s *TURN) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	if s.delay > 0 {
		<-time.After(s.delay)
	}
	conn, addr, err := s.RelayAddressGeneratorStatic.AllocatePacketConn(c)
	if err == nil {
		s.mu.Lock()
		s.relays[addr.String()] = true
		s.mu.Unlock()
	}
	return conn, addr, err
}

// CAFile names a file with the certificate of the authority that has signed the
// server's.
func (s *TURN) CAFile() string { return s.ca }

// URL is the server's, over "udp", "tcp" or "tls".
func (s *TURN) URL(transport string) string {
	if transport == "tls" {
		return fmt.Sprintf("turns:127.0.0.1:%d?transport=tcp", s.secure)
	}
	return fmt.Sprintf("turn:127.0.0.1:%d?transport=%s", s.port, transport)
}

// Link is the header field that recommends the server.
func (s *TURN) Link(transport string) string {
	return fmt.Sprintf("<%s>; rel=\"ice-server\"; username=%q; credential=%q; credential-type=\"password\"",
		s.URL(transport), TURNUser, TURNCredential)
}

// IsRelay tells whether an address is one of the server's relays.
func (s *TURN) IsRelay(addr net.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.relays[addr.String()]
}

// Addr is host and port of the server, for UDP and TCP.
func (s *TURN) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }
