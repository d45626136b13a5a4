package camsim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/ports"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// udpPair is a pair of ports, bound before the server starts so that nobody else
// gets them.
type udpPair struct{ sockets []net.PacketConn } // those that the server has not taken: RTP, RTCP

// listenPair binds a free pair.
func listenPair(host string) (*udpPair, error) {
	rtp, rtcp, err := ports.Pair(host)
	if err != nil {
		return nil, err
	}
	return &udpPair{sockets: []net.PacketConn{rtp, rtcp}}, nil
}

func (p *udpPair) addresses() (rtp, rtcp string) {
	return p.sockets[0].LocalAddr().String(), p.sockets[1].LocalAddr().String()
}

// take hands the sockets out, RTP first, as the server asks for them.
func (p *udpPair) take(_, _ string) (net.PacketConn, error) {
	s := p.sockets[0]
	p.sockets = p.sockets[1:]
	return s, nil
}

// release closes what was not taken.
func (p *udpPair) release() {
	for _, s := range p.sockets {
		_ = s.Close()
	}
}

// open opens the RTSP port. An access unit's interleaved frames leave in one
// write, unless the fault is in the marker by which its end is known.
func (c *Camera) open(network, address string) (net.Listener, error) {
	ln, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	if c.cert != nil {
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{*c.cert}, MinVersion: tls.VersionTLS12})
	}
	if c.cfg.Faults.NoMarker || c.cfg.Faults.DropEvery > 0 {
		return ln, nil
	}
	return gatheringListener{ln}, nil
}

// gatheringListener's connections write an access unit at a time.
type gatheringListener struct{ net.Listener }

func (l gatheringListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return reel.Gather(c), nil
}

// selfSigned makes a certificate as cameras have them: for no name that a client
// would ask for.
func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "IP camera"},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
