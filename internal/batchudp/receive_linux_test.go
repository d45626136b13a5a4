package batchudp

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
)

// Datagrams and their senders' addresses are read alike by our own system call and
// by the net package's, on sockets of each family.
func TestReceive(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		for _, own := range []bool{true, false} {
			c := newConn(t, address)
			if !own {
				c.in.raw = nil
			}
			for _, from := range []string{"127.0.0.1:0", "[::1]:0"} {
				to := addressOf(c.udp)
				src := listen(t, from)
				if address != ":0" && from != address {
					continue
				}
				to = netip.AddrPortFrom(addressOf(src).Addr(), to.Port())
				for i, n := range []int{1, 1200, 0, 9000} {
					want := media(max(n, 2), i)[:n]
					if _, err := src.WriteToUDPAddrPort(want, to); err != nil {
						t.Fatal(err)
					}
					buf := make([]byte, 9000)
					got, sender, err := c.ReadFromAddrPort(buf)
					if err != nil || !bytes.Equal(buf[:got], want) {
						t.Fatalf("%s own=%v: %d bytes, %v; want %d", address, own, got, err, n)
					}
					if unmapped(sender) != unmapped(addressOf(src)) {
						t.Errorf("%s own=%v: from %v, want %v", address, own, sender, addressOf(src))
					}
				}
			}
		}
	}
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// An error of the socket comes back as the net package would have it.
func TestReceiveError(t *testing.T) {
	c := newConn(t, "127.0.0.1:0")
	_ = c.udp.Close()
	if _, _, err := c.ReadFromAddrPort(make([]byte, 10)); err == nil {
		t.Fatal("no error")
	} else if _, ok := err.(*net.OpError); !ok && err != net.ErrClosed {
		t.Errorf("%T %v", err, err)
	}
}

func TestReceiveAllocatesNothing(t *testing.T) {
	c, src := newConn(t, ":0"), listen(t, "127.0.0.1:0")
	to := netip.AddrPortFrom(addressOf(src).Addr(), addressOf(c.udp).Port())
	b, buf := media(100, 1), make([]byte, 200)
	if n := testing.AllocsPerRun(200, func() {
		_, _ = src.WriteToUDPAddrPort(b, to)
		_, _, _ = c.ReadFromAddrPort(buf)
	}); n != 0 {
		t.Errorf("%v allocations a datagram", n)
	}
}
