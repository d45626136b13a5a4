// Package machine says what a measurement was made on.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Describe describes this machine in a few words.
func Describe() string {
	model := "unknown CPU"
	if cpu, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for l := range strings.Lines(string(cpu)) {
			if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	memory := ""
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		if fields := strings.Fields(string(info)); len(fields) > 1 {
			kb, _ := strconv.Atoi(fields[1])
			memory = fmt.Sprintf(", %.0f GB", float64(kb)/1e6)
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	version, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-")
	return fmt.Sprintf("%s, %d cores%s, Linux %s", model, runtime.NumCPU(), memory, version)
}
