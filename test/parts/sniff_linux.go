package parts

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Destination is where a box has sent something of its own accord: a datagram, or
// the beginning of a TCP connection.
type Destination struct {
	Protocol string // "udp", "tcp", or the number of another, such as "2" for IGMP
	To       netip.AddrPort
}

// Sniffer notes where packets of a box go, on all its interfaces.
type Sniffer struct {
	mu   sync.Mutex
	seen map[Destination]int
}

// Seen lists the destinations so far.
func (s *Sniffer) Seen() []Destination {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.seen))
}

// Sniff begins to note, until the test ends.
func (b *Box) Sniff() *Sniffer {
	b.t.Helper()
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00 // in network order
	fd := -1
	err := b.Do(func() (err error) {
		// Cooked: a packet begins with its IP header.
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all)
		return err
	})
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
	}
	if err != nil {
		b.t.Fatalf("sniff: %v", err)
	}
	s := &Sniffer{seen: map[Destination]int{}}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n, from, err := unix.Recvfrom(fd, buf, unix.MSG_TRUNC)
			if at, ok := from.(*unix.SockaddrLinklayer); err == nil && ok && at.Pkttype == unix.PACKET_OUTGOING {
				s.note(buf[:min(n, len(buf))])
			}
		}
	}()
	b.t.Cleanup(func() {
		close(stop)
		<-done
		_ = unix.Close(fd)
	})
	return s
}

func (s *Sniffer) note(b []byte) {
	d, ok := destination(b)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[d]++
}

// destination leaves out what the kernel sends by itself: ARP, ICMP, and the middle
// of TCP connections.
func destination(b []byte) (Destination, bool) {
	var d Destination
	var to netip.Addr
	var protocol byte
	var rest []byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && len(b) >= int(b[0]&0xf)*4:
		to, protocol, rest = netip.AddrFrom4([4]byte(b[16:20])), b[9], b[int(b[0]&0xf)*4:]
	case len(b) >= 40 && b[0]>>4 == 6:
		to, protocol, rest = netip.AddrFrom16([16]byte(b[24:40])), b[6], b[40:]
	default:
		return d, false
	}
	port := uint16(0)
	if len(rest) >= 4 {
		port = uint16(rest[2])<<8 | uint16(rest[3])
	}
	switch {
	case protocol == unix.IPPROTO_UDP:
		d.Protocol = "udp"
	case protocol == unix.IPPROTO_TCP:
		const syn, ack = 2, 16
		if len(rest) < 14 || rest[13]&(syn|ack) != syn {
			return d, false
		}
		d.Protocol = "tcp"
	case protocol == unix.IPPROTO_ICMP, protocol == unix.IPPROTO_ICMPV6, to.Is6() && protocol == unix.IPPROTO_HOPOPTS:
		return d, false
	default:
		d.Protocol, port = fmt.Sprint(protocol), 0
	}
	d.To = netip.AddrPortFrom(to, port)
	return d, true
}
