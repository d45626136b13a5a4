package batchudp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// segmentation finds out whether the kernel knows UDP_SEGMENT.
func segmentation(udp *net.UDPConn) bool {
	raw, err := udp.SyscallConn()
	if err != nil {
		return false
	}
	var tried error
	err = raw.Control(func(fd uintptr) {
		// 0 is the default, no segmentation, and changes nothing.
		tried = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 0)
	})
	return err == nil && tried == nil
}

// newControl makes the control message that says how a buffer is to be cut; the
// size is put in for each.
func newControl() []byte {
	b := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0])) //nolint:gosec // as the kernel wants it
	h.Level = unix.IPPROTO_UDP
	h.Type = unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	return b
}

// sendBatch is one system call.
func (c *Conn) sendBatch(batch []byte, size int, to netip.AddrPort) error {
	binary.NativeEndian.PutUint16(c.control[unix.CmsgLen(0):], uint16(size)) //nolint:gosec // at most maxBatch
	_, _, err := c.udp.WriteMsgUDPAddrPort(batch, c.control, to)
	return err
}

// unsupported reports whether an error says that no batch will ever get through
// here. EIO is a network device that cannot compute checksums, EINVAL a segment
// that is larger than the path's MTU, or a kernel too old for such a message.
func unsupported(err error) bool {
	for _, e := range []syscall.Errno{unix.EIO, unix.EINVAL, unix.ENOPROTOOPT, unix.EOPNOTSUPP} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
