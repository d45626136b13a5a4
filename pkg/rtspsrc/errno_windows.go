package rtspsrc

import (
	"errors"
	"syscall"
)

// Winsock's error numbers; the syscall package's own names are inventions there.
const (
	wsaeNetUnreach  = syscall.Errno(10051)
	wsaeConnAborted = syscall.Errno(10053)
	wsaeConnReset   = syscall.Errno(10054)
	wsaeConnRefused = syscall.Errno(10061)
	wsaeHostUnreach = syscall.Errno(10065)
)

func isRefused(err error) bool { return errors.Is(err, wsaeConnRefused) }

func isNoRoute(err error) bool {
	return errors.Is(err, wsaeHostUnreach) || errors.Is(err, wsaeNetUnreach)
}

func isReset(err error) bool {
	return errors.Is(err, wsaeConnReset) || errors.Is(err, wsaeConnAborted)
}
