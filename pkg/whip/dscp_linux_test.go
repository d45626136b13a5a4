package whip

import (
	"net"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

func TestTrafficClass(t *testing.T) {
	video, audio := offeredTrack{kind: Video}, offeredTrack{kind: Audio}
	for _, c := range []struct {
		dscp bool
		plan []offeredTrack
		want int
	}{
		{false, []offeredTrack{video}, 0},
		{true, []offeredTrack{video}, 0x88},
		{true, []offeredTrack{audio, video}, 0x88},
		{true, []offeredTrack{audio}, 0xb8},
	} {
		client := Client{cfg: Config{DSCP: c.dscp}}
		if got := client.trafficClass(c.plan); got != c.want {
			t.Errorf("%v, %d tracks: %#x, want %#x", c.dscp, len(c.plan), got, c.want)
		}
	}
}

// The mark is on the socket, for both versions of IP, and media flows with it.
func TestMarkedSocket(t *testing.T) {
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // of no consequence
	mark(conn, af41)
	if got, err := ipv4.NewConn(conn).TOS(); err != nil || got != af41 {
		t.Errorf("IPv4: %#x, %v", got, err)
	}
	if got, err := ipv6.NewConn(conn).TrafficClass(); err == nil && got != af41 {
		t.Errorf("IPv6: %#x", got)
	}
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{DSCP: true}, videoTrack)
	pump(t, s, 0, 100)
	server.WaitSession(t).WaitPackets(t, Video, 20)
}
