//go:build !linux

package rtspsrc

import "net"

// onlyOwnGroup does nothing: elsewhere a socket gets only what it has joined.
func onlyOwnGroup(*net.UDPConn) {}
