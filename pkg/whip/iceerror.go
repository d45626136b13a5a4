package whip

import (
	"fmt"
	"net/netip"
	"strings"
)

// iceError tells which addresses were tried and what most likely stands between
// them.
func (s *Session) iceError(offer, answer string, cause error) error {
	ours, theirs := candidates(offer), candidates(answer)
	return &Error{
		Op:  "ICE",
		URL: s.client.Endpoint(),
		Err: fmt.Errorf("%w; own candidates: %s; the server's: %s", cause, listed(ours), listed(theirs)),
		hint: iceHint(s.client.endpoint.Hostname(), theirs, s.iceServers,
			len(s.client.cfg.ICEServers) > 0),
	}
}

func iceHint(host string, theirs []string, recommended []ICEServer, haveServers bool) string {
	if len(theirs) == 0 {
		return "the server named no address for media: check its WebRTC settings (LiveKit: rtc.node_ip, rtc.udp_port)"
	}
	private := true
	for _, c := range theirs {
		private = private && isPrivate(c)
	}
	ip, err := netip.ParseAddr(host)
	publicHost := !isLoopback(host) && strings.Contains(host, ".") && (err != nil || !ip.Unmap().IsPrivate())
	switch {
	case private && publicHost:
		return "the server names only addresses of its own network: set its public address there (LiveKit: rtc.node_ip or rtc.use_external_ip)"
	case len(recommended) > 0 && !haveServers:
		return "UDP to the server's addresses does not get through: open it in the firewall, or configure the TURN server that the server recommends"
	}
	return "UDP to the server's addresses and ports does not get through: open it in the firewalls, and check the address that the server announces (LiveKit: rtc.node_ip)"
}

// isPrivate looks at the address of a candidate as candidates returns it.
func isPrivate(candidate string) bool {
	addr, _, _ := strings.Cut(candidate, " ")
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap()
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
}
