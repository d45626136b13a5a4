package batchudp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sender makes the system calls of one socket, without telling the Go scheduler.
// The scheduler needs to know of calls that may block; these never do. Telling it
// all the same wakes its monitor thread whenever the program was idle before, as
// it is between two frames, and that thread then looks around every 20 us: with 50
// cameras a sixth of the program's time.
//
// Its fields are what the kernel reads. They are here so that no call allocates.
type sender struct {
	udp *net.UDPConn
	raw syscall.RawConn
	v6  bool // the socket is IPv6, which may well send to IPv4

	write   func(fd uintptr) bool
	errno   syscall.Errno
	hdr     unix.Msghdr
	iov     unix.Iovec
	name4   unix.RawSockaddrInet4
	name6   unix.RawSockaddrInet6
	control []byte
}

// newSender looks at a socket, and finds out whether the kernel knows UDP_SEGMENT.
func newSender(udp *net.UDPConn) (s *sender, segments bool) {
	s = &sender{udp: udp, control: newControl()}
	s.write = s.try
	raw, err := udp.SyscallConn()
	if err != nil {
		return s, false
	}
	var tried error
	domain := 0
	err = raw.Control(func(fd uintptr) {
		if domain, tried = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); tried == nil {
			// 0 is the default, no segmentation, and changes nothing.
			tried = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 0)
		}
	})
	if domain != 0 {
		s.raw, s.v6 = raw, domain == unix.AF_INET6
	}
	return s, err == nil && tried == nil && domain != 0
}

// newControl makes the control message that says how a buffer is to be cut; the
// size is put in for each.
func newControl() []byte {
	b := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0])) // as the kernel wants it
	h.Level = unix.IPPROTO_UDP
	h.Type = unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	return b
}

// send is one system call. The kernel cuts b into datagrams of so many bytes; 0
// sends it as it is.
func (s *sender) send(b []byte, size int, to netip.AddrPort) error {
	if s.raw == nil || len(b) == 0 || !s.address(to) {
		if size != 0 {
			return errors.ErrUnsupported
		}
		_, err := s.udp.WriteToUDPAddrPort(b, to)
		return err
	}
	s.iov.Base = &b[0]
	s.iov.SetLen(len(b))
	s.hdr.Iov = &s.iov
	s.hdr.SetIovlen(1)
	if size != 0 {
		binary.NativeEndian.PutUint16(s.control[unix.CmsgLen(0):], uint16(size)) // at most maxBatch
		s.hdr.Control = &s.control[0]
		s.hdr.SetControllen(len(s.control))
	} else {
		s.hdr.Control = nil
		s.hdr.SetControllen(0)
	}
	err := s.raw.Write(s.write)
	s.iov.Base = nil
	if err == nil && s.errno != 0 {
		err = &net.OpError{Op: "write", Net: "udp", Source: s.udp.LocalAddr(), Addr: net.UDPAddrFromAddrPort(to),
			Err: os.NewSyscallError("sendmsg", s.errno)}
	}
	return err
}

// try sends without waiting; false waits until the socket can be written to.
func (s *sender) try(fd uintptr) bool {
	for {
		_, _, s.errno = unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&s.hdr)), unix.MSG_DONTWAIT) // as above
		if s.errno != unix.EINTR {
			return s.errno != unix.EAGAIN
		}
	}
}

// address fills in where to; false leaves that to the net package.
func (s *sender) address(to netip.AddrPort) bool {
	ip := to.Addr()
	switch {
	case !ip.IsValid() || ip.Zone() != "":
		return false
	case s.v6:
		s.name6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: ip.As16()}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.name6.Port))[:], to.Port()) // network order
		s.hdr.Name = (*byte)(unsafe.Pointer(&s.name6))                                      // as above
		s.hdr.Namelen = unix.SizeofSockaddrInet6
	case ip.Is4() || ip.Is4In6():
		s.name4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.As4()}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&s.name4.Port))[:], to.Port()) // network order
		s.hdr.Name = (*byte)(unsafe.Pointer(&s.name4))                                      // as above
		s.hdr.Namelen = unix.SizeofSockaddrInet4
	default:
		return false
	}
	return true
}

// unsupported reports whether an error says that no batch will ever get through
// here. EIO is a network device that cannot compute checksums, EINVAL (EMSGSIZE in
// newer kernels) a segment that is larger than the path's MTU, or a kernel too old
// for such a message.
func unsupported(err error) bool {
	for _, e := range []syscall.Errno{unix.EIO, unix.EINVAL, unix.EMSGSIZE, unix.ENOPROTOOPT, unix.EOPNOTSUPP} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
