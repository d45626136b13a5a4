package whip

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// interfaceAddress is one address of one interface that is up.
type interfaceAddress struct {
	name string // of the interface
	ip   netip.Addr
}

// machine is what the system says about its interfaces. All sessions look at it
// every few seconds, and asking takes a dozen system calls: what one of them has
// been told does for the others.
type machine struct {
	mu   sync.Mutex
	at   time.Time
	list []interfaceAddress
}

// thisMachine is a fact of the process, not of a client.
var thisMachine machine

// addresses are those of all interfaces that are up, as they were no longer ago than
// maxAge. The slice is shared: it must not be changed.
func (m *machine) addresses(maxAge time.Duration) []interfaceAddress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if maxAge == 0 || m.at.IsZero() || time.Since(m.at) > maxAge {
		m.list, m.at = interfaceAddresses(), time.Now()
	}
	return m.list
}

func interfaceAddresses() []interfaceAddress {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []interfaceAddress
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, interfaceAddress{i.Name, prefix.Addr().Unmap()})
			}
		}
	}
	return out
}
