package batchudp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver makes the system calls that read from one socket, and does not tell the
// Go scheduler of them either: see sender. Its fields are here so that no call
// allocates.
type receiver struct {
	udp *net.UDPConn
	mu  sync.Mutex // reads take turns, as on any socket
	raw syscall.RawConn

	read    func(fd uintptr) bool
	buf     []byte
	n       int
	errno   syscall.Errno
	name    unix.RawSockaddrInet6 // large enough for IPv4's too
	namelen uint32
}

func newReceiver(udp *net.UDPConn) *receiver {
	r := &receiver{udp: udp}
	r.read = r.try
	if raw, err := udp.SyscallConn(); err == nil {
		r.raw = raw
	}
	return r
}

// receive waits for a datagram.
func (r *receiver) receive(b []byte) (int, netip.AddrPort, error) {
	if r.raw == nil || len(b) == 0 {
		return r.udp.ReadFromUDPAddrPort(b)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf = b
	err := r.raw.Read(r.read)
	r.buf = nil
	if err == nil && r.errno != 0 {
		err = &net.OpError{Op: "read", Net: "udp", Source: r.udp.LocalAddr(), Err: os.NewSyscallError("recvfrom", r.errno)}
	}
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	return r.n, r.from(), nil
}

// try reads without waiting; false waits until there is something.
func (r *receiver) try(fd uintptr) bool {
	for {
		r.namelen = unix.SizeofSockaddrInet6
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd,
			uintptr(unsafe.Pointer(&r.buf[0])), uintptr(len(r.buf)), unix.MSG_DONTWAIT, // as the kernel wants it
			uintptr(unsafe.Pointer(&r.name)), uintptr(unsafe.Pointer(&r.namelen))) // as above
		r.n, r.errno = int(n), errno // at most len(buf)
		if errno != unix.EINTR {
			return errno != unix.EAGAIN
		}
	}
}

// from is the sender's address, IPv4 ones in the form that the net package gives
// them on the same socket.
func (r *receiver) from() netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&r.name.Port))[:]) // network order
	if r.name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&r.name)) // the smaller of the two
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	}
	ip := netip.AddrFrom16(r.name.Addr)
	if r.name.Scope_id != 0 {
		if i, err := net.InterfaceByIndex(int(r.name.Scope_id)); err == nil {
			ip = ip.WithZone(i.Name)
		}
	}
	return netip.AddrPortFrom(ip, port)
}
