package whip

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"

	"github.com/pion/ice/v4"

	"github.com/rtsp2whip/rtsp2whip/internal/batchudp"
)

// route is how packets get from here to the server. Where the path begins at a
// socket of the session's own they are encrypted straight into that socket's batch:
// no copy, and none of the agent's work on each packet, of which nothing is needed
// while the path stays what it is. By all other paths, over TCP or a relay, they go
// through the agent.
type route struct {
	sockets sockets
	agent   io.Writer // set before the first packet
	direct  atomic.Pointer[direct]
	chosen  atomic.Pointer[chosenPair]
}

// chosenPair is the path in use, for those who ask: they do so every second, and the
// agent's own answer is dear.
type chosenPair struct {
	text  string // "192.0.2.1:40000 (host) -> 198.51.100.1:7885 (host)"
	path  Path
	local netip.Addr // the address of this machine that it begins at
}

// direct is a path that begins at one of our sockets.
type direct struct {
	socket *batchudp.Conn
	to     netip.AddrPort
}

// set is told by the agent which path it has chosen.
func (r *route) set(local, remote ice.Candidate) {
	r.direct.Store(r.directOf(local, remote))
	p := &chosenPair{
		text: endOf(local) + " -> " + endOf(remote),
		path: Path{Type: local.Type().String(), Protocol: local.NetworkType().NetworkShort()},
	}
	if relay, ok := local.(*ice.CandidateRelay); ok && relay.RelayProtocol() != "" {
		p.path.Protocol = relay.RelayProtocol()
	}
	address := local.Address()
	if related := local.RelatedAddress(); local.Type() != ice.CandidateTypeHost && related != nil {
		address = related.Address
	}
	if ip, err := netip.ParseAddr(address); err == nil && !ip.IsUnspecified() {
		p.local = ip.Unmap()
	}
	r.chosen.Store(p)
}

// clear forgets the path.
func (r *route) clear() {
	r.direct.Store(nil)
	r.chosen.Store(nil)
}

func endOf(c ice.Candidate) string {
	typ := c.Type().String()
	if c.NetworkType().IsTCP() {
		typ = "tcp " + typ
	}
	return net.JoinHostPort(c.Address(), strconv.Itoa(c.Port())) + " (" + typ + ")"
}

func (r *route) directOf(local, remote ice.Candidate) *direct {
	if local.Type() != ice.CandidateTypeHost || !local.NetworkType().IsUDP() {
		return nil
	}
	ip, err := netip.ParseAddr(remote.Address())
	if err != nil || remote.Port() < 1 || remote.Port() > 65535 {
		return nil
	}
	to := netip.AddrPortFrom(ip, uint16(remote.Port())) // just checked
	for _, s := range r.sockets {
		own, ok := s.LocalAddr().(*net.UDPAddr)
		if !ok || own.Port != local.Port() {
			continue
		}
		address, err := netip.ParseAddr(local.Address())
		if own.IP.IsUnspecified() || (err == nil && own.AddrPort().Addr().Unmap().WithZone("") == address.Unmap().WithZone("")) {
			return &direct{s, to}
		}
	}
	return nil
}

// send encrypts a packet and sends it; mu is held, and plain is a whole packet. What
// the network refuses is lost without an error.
func (t *localTrack) send(plain []byte) error {
	if t.keys == nil {
		return errNoKeys
	}
	if d := t.route.direct.Load(); d != nil {
		room, err := d.socket.Begin(len(plain)+t.tag, d.to)
		if err != nil {
			return err
		}
		sealed, err := t.keys.EncryptRTP(room, plain, &t.parsed)
		if err != nil || len(sealed) != len(room) {
			sealed = nil
		}
		_ = d.socket.End(len(sealed))
		return err
	}
	sealed, err := t.keys.EncryptRTP(t.sealed, plain, &t.parsed)
	if err != nil {
		return err
	}
	t.sealed = sealed
	_, err = t.route.agent.Write(sealed)
	if errors.Is(err, ice.ErrNoCandidatePairs) {
		return nil
	}
	return err
}
