//go:build !linux

package batchudp

import (
	"errors"
	"net"
	"net/netip"
)

// sender sends each datagram by itself: batches are Linux's.
type sender struct{ udp *net.UDPConn }

func newSender(udp *net.UDPConn) (s *sender, segments bool) { return &sender{udp}, false }

func (s *sender) send(b []byte, size int, to netip.AddrPort) error {
	if size != 0 {
		return errors.ErrUnsupported
	}
	_, err := s.udp.WriteToUDPAddrPort(b, to)
	return err
}

func unsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// receiver reads as the net package does.
type receiver struct{ udp *net.UDPConn }

func newReceiver(udp *net.UDPConn) *receiver { return &receiver{udp} }

func (r *receiver) receive(b []byte) (int, netip.AddrPort, error) {
	return r.udp.ReadFromUDPAddrPort(b)
}
