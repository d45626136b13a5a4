package whip

import (
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Differentiated services code points (RFC 8837 section 5, medium priority), in the
// upper six bits of the octet that both versions of IP have for them.
const (
	af41 = 34 << 2 // interactive video
	ef   = 46 << 2 // audio
)

// trafficClass is the mark of a session's packets, 0 for none. All tracks share one
// socket; the audio of a camera is no good without the picture, so they share its
// mark too.
func (c *Client) trafficClass(plan []offeredTrack) int {
	if !c.cfg.DSCP {
		return 0
	}
	for _, t := range plan {
		if t.kind == Video {
			return af41
		}
	}
	return ef
}

// mark has the socket's packets bear the traffic class. A socket may carry either
// version of IP or both; a system that cannot mark the one or the other is left be,
// the mark being no more than a wish.
func mark(conn *net.UDPConn, class int) {
	if class == 0 {
		return
	}
	_ = ipv4.NewConn(conn).SetTOS(class)
	_ = ipv6.NewConn(conn).SetTrafficClass(class)
}
