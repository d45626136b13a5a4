package whip

import (
	"errors"
	"io"
	"net"
	"net/netip"
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
}

// direct is a path that begins at one of our sockets.
type direct struct {
	socket *batchudp.Conn
	to     netip.AddrPort
}

// set is told by the agent which path it has chosen.
func (r *route) set(local, remote ice.Candidate) {
	r.direct.Store(r.directOf(local, remote))
}

func (r *route) directOf(local, remote ice.Candidate) *direct {
	if local.Type() != ice.CandidateTypeHost || !local.NetworkType().IsUDP() {
		return nil
	}
	ip, err := netip.ParseAddr(remote.Address())
	if err != nil || remote.Port() < 1 || remote.Port() > 65535 {
		return nil
	}
	to := netip.AddrPortFrom(ip, uint16(remote.Port())) //nolint:gosec // just checked
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
