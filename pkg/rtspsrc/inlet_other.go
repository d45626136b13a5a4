//go:build !unix

package rtspsrc

// Elsewhere a read cannot be tried; OnBlock then precedes every read.
const canTryRead = false

func (in *inlet) tryRead(uintptr) bool { return true }

func (in *datagramInlet) tryRead(uintptr) bool { return true }
