//go:build unix

package rtspsrc

import (
	"bytes"
	"errors"
	"net"
	"os"
	"syscall"
)

const canTryRead = true

// tryRead reads without waiting; false sends the goroutine to sleep until the
// socket is readable.
func (in *inlet) tryRead(fd uintptr) bool {
	b := in.into.borrow()
	for {
		n, err := readNow(fd, b)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			in.into.rest()
			in.onBlock()
			return false
		case err != nil:
			in.tryN, in.tryErr = 0, os.NewSyscallError("read", err)
			return true
		}
		in.tryN, in.tryErr = n, nil
		return true
	}
}

// tryRead reads a datagram without waiting, as inlet.tryRead does.
func (in *datagramInlet) tryRead(fd uintptr) bool {
	for {
		n, err := in.receiveNow(fd)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN) && in.look:
			in.tryN, in.tryErr = 0, errNothing
			return true
		case errors.Is(err, syscall.EAGAIN):
			in.onBlock()
			return false
		case err != nil:
			in.tryN, in.tryErr = 0, os.NewSyscallError("recvfrom", err)
			return true
		}
		in.tryN, in.tryErr = n, nil
		return true
	}
}

// sender notes where a datagram came from, mostly from where the last one did.
func (in *datagramInlet) sender(ip net.IP, port int) {
	if last := in.tryFrom; last == nil || last.Port != port || !last.IP.Equal(ip) {
		in.tryFrom = &net.UDPAddr{IP: bytes.Clone(ip), Port: port}
	}
}
