package whip

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"

	"github.com/rtsp2whip/rtsp2whip/internal/batchudp"
)

// Each session has a UDP socket of its own. One for all sessions looks tempting
// and fails: a server that has all its sessions on one port, as LiveKit does,
// tells them apart by the remote address. The socket goes into the ICE agent as a
// UDPMux, since sockets that the agent opens by itself are closed on an ICE
// restart; and it is bound to no address, so that one port serves every interface
// and address, those that come later included. Candidates for STUN and TURN
// servers, where configured, have sockets of the agent's own (from the same range
// of ports): the agent does not gather these through a mux.
//
// With an allow-list of interfaces there is one socket for each of their
// addresses, because an unbound socket would send by whichever interface the
// routing table says.

// sessionMux is a mux that offers this machine's addresses by our own rules.
type sessionMux struct {
	*ice.UDPMuxDefault
	network network
}

// network is the part of the configuration that decides about addresses.
type network struct {
	interfaces []string
	loopback   bool
}

// GetListenAddresses is asked on each gathering, so that an ICE restart finds new
// addresses.
func (m *sessionMux) GetListenAddresses() []net.Addr {
	local, ok := m.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil
	}
	return udpAddrs(m.network.addresses(0), local.Port)
}

func udpAddrs(ips []netip.Addr, port int) []net.Addr {
	out := make([]net.Addr, 0, len(ips))
	for _, ip := range ips {
		out = append(out, &net.UDPAddr{IP: ip.AsSlice(), Port: port, Zone: ip.Zone()})
	}
	return out
}

// sockets are a session's own. Its packets leave by one of them.
type sockets []*batchudp.Conn

// flush sends what has gathered.
func (s sockets) flush() {
	for _, c := range s {
		c.Flush()
	}
}

// openMux opens the socket or sockets of a session. Closing the mux closes them.
func openMux(cfg Config, class int, logger logging.LeveledLogger) (ice.UDPMux, sockets, error) {
	rules := network{interfaces: cfg.Interfaces, loopback: cfg.Loopback}
	ips := rules.addresses(0)
	if len(ips) == 0 {
		return nil, nil, errors.New("this machine has no network address to send from")
	}
	if len(cfg.Interfaces) == 0 {
		conn, err := listenUDP(nil, cfg.UDPPorts)
		if err != nil {
			return nil, nil, err
		}
		mark(conn, class)
		batch := batchudp.New(conn)
		mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: logger, UDPConn: batch})
		return &sessionMux{UDPMuxDefault: mux, network: rules}, sockets{batch}, nil
	}
	var muxes []ice.UDPMux
	var all sockets
	for _, ip := range ips {
		conn, err := listenUDP(&ip, cfg.UDPPorts)
		if err != nil {
			for _, m := range muxes {
				_ = m.Close()
			}
			return nil, nil, err
		}
		mark(conn, class)
		batch := batchudp.New(conn)
		all = append(all, batch)
		muxes = append(muxes, ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: logger, UDPConn: batch}))
	}
	return ice.NewMultiUDPMuxDefault(muxes...), all, nil
}

// listenUDP takes a free port of the range, beginning anywhere in it so that
// sessions which start together do not all try the same ones.
func listenUDP(ip *netip.Addr, ports [2]uint16) (*net.UDPConn, error) {
	addr := net.UDPAddr{}
	if ip != nil {
		addr.IP, addr.Zone = ip.AsSlice(), ip.Zone()
	}
	lo, count := int(ports[0]), int(ports[1])-int(ports[0])+1
	start := rand.IntN(count)
	var firstErr error
	for i := range count {
		addr.Port = lo + (start+i)%count
		conn, err := net.ListenUDP("udp", &addr)
		if err == nil {
			return conn, nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	if ports[0] != 0 {
		return nil, fmt.Errorf("no free UDP port from %d to %d: %w", ports[0], ports[1], firstErr)
	}
	return nil, firstErr
}

// addresses returns those that host candidates are made of (RFC 8445 section
// 5.1.1.1): no loopback unless wanted, no link-local IPv6. What the system said no
// longer ago than maxAge will do.
func (n network) addresses(maxAge time.Duration) []netip.Addr {
	var out []netip.Addr
	for _, a := range thisMachine.addresses(maxAge) {
		if (len(n.interfaces) == 0 || slices.Contains(n.interfaces, a.name)) && n.usable(a.ip) {
			out = append(out, a.ip)
		}
	}
	return out
}

func (n network) usable(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return n.loopback
	}
	return !ip.IsUnspecified() && !ip.IsMulticast() && (ip.Is4() || !ip.IsLinkLocalUnicast())
}
