package rtspsrc

import (
	"net"
	"syscall"
)

// datagramInlet is a UDP socket that tells when it is about to wait. The embedded
// connection gives gortsplib SyscallConn and SetReadBuffer, which it insists on.
type datagramInlet struct {
	*net.UDPConn
	onBlock func()
	raw     syscall.RawConn

	try     func(fd uintptr) bool
	tryBuf  []byte
	tryN    int
	tryFrom *net.UDPAddr
	tryErr  error
}

// listenPacket opens a UDP socket for gortsplib.
func listenPacket(network, address string, onBlock func()) (net.PacketConn, error) {
	pc, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	uc, ok := pc.(*net.UDPConn)
	if !ok || onBlock == nil {
		return pc, nil
	}
	in := &datagramInlet{UDPConn: uc, onBlock: onBlock}
	if canTryRead {
		if raw, err := uc.SyscallConn(); err == nil {
			in.raw = raw
			in.try = in.tryRead
		}
	}
	return in, nil
}

// ReadFrom implements net.PacketConn, for one goroutine.
func (in *datagramInlet) ReadFrom(p []byte) (int, net.Addr, error) {
	if in.raw == nil {
		in.onBlock()
		return in.UDPConn.ReadFrom(p)
	}
	in.tryBuf = p
	if err := in.raw.Read(in.try); err != nil {
		return 0, nil, err
	}
	if in.tryErr != nil {
		return 0, nil, in.tryErr
	}
	return in.tryN, in.tryFrom, nil
}
