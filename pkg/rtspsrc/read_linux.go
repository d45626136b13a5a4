package rtspsrc

import (
	"encoding/binary"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readNow reads from a socket that never blocks, without telling the Go scheduler.
// Telling it wakes its monitor thread whenever the program was idle before, as it
// is between two frames, and that thread then looks around every 20 us: with 50
// cameras a sixth of the program's time.
func readNow(fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))) // as the kernel wants it
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// receiveNow receives a datagram in the same way, and notes where it came from.
func (in *datagramInlet) receiveNow(fd uintptr) (int, error) {
	if len(in.tryBuf) == 0 {
		return 0, syscall.EINVAL
	}
	var name syscall.RawSockaddrInet6 // the larger of the two
	size := uint32(unsafe.Sizeof(name))
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&in.tryBuf[0])), uintptr(len(in.tryBuf)), 0, // as the kernel wants it
		uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size))) // as above
	if errno != 0 {
		return 0, errno
	}
	port := int(binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])) // network order
	switch name.Family {
	case syscall.AF_INET:
		in.sender((*syscall.RawSockaddrInet4)(unsafe.Pointer(&name)).Addr[:], port) // as the family says
	case syscall.AF_INET6:
		in.sender(name.Addr[:], port)
	default:
		in.tryFrom = &net.UDPAddr{}
	}
	return int(n), nil
}
