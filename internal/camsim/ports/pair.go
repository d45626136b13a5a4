// Package ports opens UDP ports in pairs, and keeps TCP ports shut.
package ports

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Pair binds a free even port for RTP and the one after it for RTCP (RFC 3550,
// section 11).
func Pair(host string) (rtp, rtcp net.PacketConn, err error) {
	for range 100 {
		first, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, nil, fmt.Errorf("listen: %w", err)
		}
		port := first.LocalAddr().(*net.UDPAddr).Port
		second, err := net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(port^1)))
		if err != nil {
			_ = first.Close()
			continue
		}
		if port&1 == 1 {
			first, second = second, first
		}
		return first, second, nil
	}
	return nil, nil, errors.New("listen: no free pair of UDP ports")
}
