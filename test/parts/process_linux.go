package parts

import "syscall"

// childAttr lets the kernel end a program when the test binary dies, which a
// test's own cleanup cannot do when the test times out.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
