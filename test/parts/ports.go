package parts

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports come from below the range that the kernel takes source ports from: a
// server that is killed and started again must find its port still free.
const (
	firstPort = 20000
	lastPort  = 31998
)

var handedOut struct {
	mu    sync.Mutex
	ports map[int]bool
}

// FreePort returns a loopback port that nobody listens on, neither over TCP
// nor over UDP, and that it has not returned before.
func FreePort(t testing.TB) int {
	t.Helper()
	return freePorts(t, 1)
}

// FreePortPair returns an even port; it and the next one are free.
func FreePortPair(t testing.TB) int {
	t.Helper()
	return freePorts(t, 2)
}

func freePorts(t testing.TB, n int) int {
	t.Helper()
	handedOut.mu.Lock()
	defer handedOut.mu.Unlock()
	if handedOut.ports == nil {
		handedOut.ports = make(map[int]bool)
	}
	for range 1000 {
		first := firstPort + 2*rand.IntN((lastPort-firstPort)/2)
		free := true
		for p := first; p < first+n; p++ {
			free = free && !handedOut.ports[p] && portFree(p)
		}
		if free {
			for p := first; p < first+n; p++ {
				handedOut.ports[p] = true
			}
			return first
		}
	}
	t.Fatal("no free port found")
	return 0
}

func portFree(port int) bool {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4zero, Port: port})
	if err != nil {
		return false
	}
	_ = l.Close()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4zero, Port: port})
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
