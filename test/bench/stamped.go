//go:build linux

package main

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// stampedConn is a UDP socket that keeps the kernel's time of arrival of the
// newest RTP packets, by their sequence numbers. So what is measured does not
// depend on when the receiver gets the processor.
type stampedConn struct {
	*net.UDPConn
	arrivals [1 << 12]atomic.Int64 // Unix ns
	calls    atomic.Uint64
	control  [64]byte
}

func listenStamped() (*stampedConn, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(4 << 20) // several key frames: the receiver must not be what loses packets
	raw, err := c.SyscallConn()
	if err == nil {
		var tried error
		err = raw.Control(func(fd uintptr) {
			tried = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
		})
		if err == nil {
			err = tried
		}
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return &stampedConn{UDPConn: c}, nil
}

// arrival is when a packet came. Within 4,096 packets of its coming.
func (c *stampedConn) arrival(seq uint16) time.Time {
	return time.Unix(0, c.arrivals[int(seq)%len(c.arrivals)].Load())
}

// ReadFromAddrPort is called by one goroutine, the mux's.
func (c *stampedConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, oobn, _, from, err := c.ReadMsgUDPAddrPort(b, c.control[:])
	if err != nil {
		return n, from, err
	}
	c.calls.Add(1)
	if n >= 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223) { // RFC 5761 section 4
		c.arrivals[int(rtpSequence(b))%len(c.arrivals)].Store(arrivalIn(c.control[:oobn]))
	}
	return n, from, nil
}

// WriteToAddrPort is what an ICE agent wants beside that.
func (c *stampedConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, to)
}

// arrivalIn reads SCM_TIMESTAMPNS, the only control message that was asked for.
func arrivalIn(control []byte) int64 {
	if len(control) < syscall.CmsgSpace(int(unsafe.Sizeof(syscall.Timespec{}))) {
		return time.Now().UnixNano()
	}
	ts := (*syscall.Timespec)(unsafe.Pointer(&control[syscall.CmsgLen(0)])) //nolint:gosec // as the kernel puts it
	return ts.Nano()
}
