// Package cgroup reads the limits that systemd and containers set for this process.
package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryLimit is the lowest memory limit in bytes of this process's control group
// (version 2) and those above it, as systemd and containers set it; 0 if there is
// none. root is the file system's.
func MemoryLimit(root string) int64 {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	var lowest int64
	for line := range strings.Lines(string(text)) {
		group, found := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !found {
			continue
		}
		for dir := filepath.Clean("/" + group); ; dir = filepath.Dir(dir) {
			// The root group has no such file, others may say "max".
			text, err := os.ReadFile(filepath.Join(root, "sys/fs/cgroup", dir, "memory.max"))
			if err == nil {
				n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
				if err == nil && n > 0 && (lowest == 0 || n < lowest) {
					lowest = n
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return lowest
}
