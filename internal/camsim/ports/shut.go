package ports

import (
	"fmt"
	"net"
)

// Shut returns an address of this machine where connections are refused until release is
// called. A port that has only been closed may be somebody else's a moment later; this
// one is taken, by a connection's own end, which listens to nobody.
func Shut(host string) (address string, release func(), err error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return "", nil, err
	}
	far, err := l.Accept()
	if err != nil {
		_ = near.Close()
		return "", nil, fmt.Errorf("accept: %w", err)
	}
	return near.LocalAddr().String(), func() { _, _ = near.Close(), far.Close() }, nil
}
