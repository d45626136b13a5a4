//go:build unix && !linux

package rtspsrc

import (
	"net"
	"syscall"
)

// readNow reads from a socket that never blocks.
func readNow(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }

// receiveNow receives a datagram, and notes where it came from.
func (in *datagramInlet) receiveNow(fd uintptr) (int, error) {
	n, from, err := syscall.Recvfrom(int(fd), in.tryBuf, 0)
	if err != nil {
		return 0, err
	}
	switch a := from.(type) {
	case *syscall.SockaddrInet4:
		in.sender(a.Addr[:], a.Port)
	case *syscall.SockaddrInet6:
		in.sender(a.Addr[:], a.Port)
	default:
		in.tryFrom = &net.UDPAddr{}
	}
	return n, nil
}
