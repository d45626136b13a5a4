//go:build !linux

package parts

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }
