//go:build !linux

package batchudp

import (
	"errors"
	"net"
	"net/netip"
)

// Batches are Linux's; here each datagram is sent by itself.

func segmentation(*net.UDPConn) bool { return false }

func newControl() []byte { return nil }

func (c *Conn) sendBatch([]byte, int, netip.AddrPort) error { return errors.ErrUnsupported }

func unsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
