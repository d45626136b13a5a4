package parts

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// largestReadBuffer is how much the kernel lets a socket buffer. The default is
// a few key frames of 1080p, too little for a server that shares a socket among
// many streams and two cores with a browser.
func largestReadBuffer() int {
	text, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		return 0 // not Linux: the server's own default
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// udpDrops counts the datagrams that the kernel has thrown away because the
// socket on this port was full; 0 where the kernel does not tell.
func udpDrops(port int) int {
	total := 0
	for _, file := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		table, _ := os.ReadFile(file)
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			if len(fields) < 3 || !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				continue
			}
			n, _ := strconv.Atoi(fields[len(fields)-1]) // the last column is "drops"
			total += n
		}
	}
	return total
}
