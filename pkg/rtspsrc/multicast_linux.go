package rtspsrc

import (
	"net"

	"golang.org/x/sys/unix"
)

// onlyOwnGroup keeps packets of other groups away from a socket: Linux delivers
// those of any group that any socket of the box has joined on this port, and two
// tracks of a camera often share their port.
func onlyOwnGroup(c *net.UDPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
	})
}
