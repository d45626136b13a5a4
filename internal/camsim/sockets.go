package camsim

import (
	"fmt"
	"net"
	"strconv"
	"sync"
)

// udpPair is an even port for RTP and the one after it for RTCP (RFC 3550,
// section 11), bound before the server starts so that nobody else gets them.
type udpPair struct {
	host    string
	port    int
	sockets []net.PacketConn // those that the server has not taken: RTP, RTCP
}

// listenPair binds a free pair.
func listenPair(host string) (*udpPair, error) {
	for range 100 {
		first, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
		port := first.LocalAddr().(*net.UDPAddr).Port
		other := port ^ 1
		second, err := net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(other)))
		if err != nil {
			_ = first.Close()
			continue
		}
		if other < port {
			first, second, port = second, first, other
		}
		return &udpPair{host: host, port: port, sockets: []net.PacketConn{first, second}}, nil
	}
	return nil, errNoPair
}

func (p *udpPair) addresses() (rtp, rtcp string) {
	return net.JoinHostPort(p.host, strconv.Itoa(p.port)), net.JoinHostPort(p.host, strconv.Itoa(p.port+1))
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

// gatheringListener's connections write an access unit at a time: the server
// makes a write of every interleaved frame, and with many cameras those system
// calls are most of the cost.
type gatheringListener struct{ net.Listener }

func (l gatheringListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatheringConn{Conn: c}, nil
}

type gatheringConn struct {
	net.Conn
	mu  sync.Mutex
	buf []byte
}

// Sizes in bytes.
const (
	gatherMost  = 64 << 10 // written when so much has gathered
	gatherLeast = 256      // frames up to this size are not waited with: audio, reports
)

// Write gets one whole interleaved frame or RTSP response at a time (RFC 2326,
// section 10.12: '$', channel, two bytes of length, packet).
func (c *gatheringConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = append(c.buf, b...)
	if midUnit := len(b) > gatherLeast && b[0] == '$' && b[5]&0x80 == 0; midUnit && len(c.buf) < gatherMost {
		return len(b), nil
	}
	_, err := c.Conn.Write(c.buf)
	c.buf = c.buf[:0]
	if err != nil {
		return 0, err
	}
	return len(b), nil
}
