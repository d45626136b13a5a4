package doctor

import (
	"fmt"
	"runtime"
)

// Below these a box of some cameras is short of something.
const (
	leastMemory  = 64 << 20 // bytes; a camera takes a few MB
	leastFiles   = 1024
	leastBuffer  = 2 << 20 // bytes: what a UDP camera's socket asks for, as a key frame comes in one burst
	megabyte     = 1 << 20
	bufferRemedy = "run `sysctl -w net.core.rmem_max=2097152` (and write it to /etc/sysctl.d): cameras over UDP may lose packets of key frames; over TCP it does not matter"
)

// machine is what can be known of the box; zeros are unknown.
type machine struct {
	total, free int64 // bytes of memory
	limit       int64 // bytes, of the control group
	files       uint64
	rmem        int64 // bytes, net.core.rmem_max
	segments    bool  // the kernel cuts UDP buffers into datagrams
	segmentable bool  // the question makes sense on this system
}

func (e *exam) box() {
	m := look()
	e.sheet.put(Box, stepSystem, good(0, fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Facts{"os": runtime.GOOS, "arch": runtime.GOARCH, "cpus": runtime.NumCPU()}))
	e.sheet.put(Box, stepMemory, m.memory())
	files := good(0, "not limited", nil)
	if m.files > 0 {
		files = good(0, fmt.Sprintf("up to %d", m.files), Facts{"limit": m.files})
		if m.files < leastFiles {
			files = files.but(fmt.Sprintf("raise the limit of open files to %d (LimitNOFILE in the unit): a camera takes about four", leastFiles))
		}
	}
	e.sheet.put(Box, stepFiles, files)
	buffers := good(0, "not known on this system", nil)
	if m.rmem > 0 {
		buffers = good(0, fmt.Sprintf("up to %d kB (net.core.rmem_max)", m.rmem/1000), Facts{"rmem_max_bytes": m.rmem})
		if m.rmem < leastBuffer {
			buffers = buffers.but(bufferRemedy)
		}
	}
	e.sheet.put(Box, stepBuffers, buffers)
	segment := good(0, "not on this system: one system call a packet", Facts{"supported": false})
	if m.segments {
		segment = good(0, "the kernel takes a whole frame in one call", Facts{"supported": true})
	} else if m.segmentable {
		segment = segment.but("a Linux kernel of 4.18 or newer saves CPU time; everything works without")
	}
	e.sheet.put(Box, stepSegment, segment)
}

func (m machine) memory() Result {
	if m.total == 0 {
		return good(0, "not known on this system", nil)
	}
	r := good(0, fmt.Sprintf("%d MB, %d MB free", m.total/megabyte, m.free/megabyte), Facts{"total_bytes": m.total, "free_bytes": m.free})
	if m.limit > 0 {
		r.Text += fmt.Sprintf("; limited to %d MB by its control group", m.limit/megabyte)
		r.Facts["limit_bytes"] = m.limit
	}
	if m.free < leastMemory || m.limit > 0 && m.limit < leastMemory {
		return r.but("a box of some cameras wants 64 MB and more: end what else runs here, or raise the limit")
	}
	return r
}
