package reel

import (
	"net"
	"sync"
)

// Gather returns a connection that writes an access unit at a time. The RTSP
// library makes a write of every interleaved frame, and with many cameras those
// system calls are most of the cost.
//
// Every Write must be of one whole interleaved frame or RTSP message, and the
// last packet of an access unit must carry the marker.
func Gather(c net.Conn) net.Conn { return &gatheringConn{Conn: c} }

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

// Write knows the marker's place: an interleaved frame is '$', a channel, two
// bytes of length and the packet (RFC 2326, section 10.12).
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
