//go:build unix && !linux

package rtspsrc

import "syscall"

// readNow reads from a socket that never blocks.
func readNow(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }
