package whip

import (
	"net"
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// A server that has nothing but IPv6 is reached by it, in both the exchange and the
// media, and a lost path is replaced there too.
func TestIPv6Alone(t *testing.T) {
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Logf("this system has no IPv6: %v", err)
		return
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	server := whiptest.NewServer(t, whiptest.Config{Host: "::1", RestartOpensPath: true, Patch: whiptest.Patch{Restart: true}})
	if !strings.HasPrefix(server.URL(), "http://[::1]:") {
		t.Fatal(server.URL())
	}
	s := publish(t, server, Config{Timeouts: quick}, videoTrack)
	if pair := s.Stats().Pair; !strings.Contains(pair, "-> [::1]:") {
		t.Errorf("the path is %s", pair)
	}
	if c := candidates(server.WaitSession(t).Answer()); len(c) == 0 || strings.Contains(strings.Join(c, " "), "127.0.0.1") {
		t.Errorf("the server's candidates are %v", c)
	}
	loseAndRecover(t, server, s)
	if got := s.Stats().Path; got != (Path{"host", "udp"}) || len(server.Requests("POST")) != 1 {
		t.Errorf("%+v, %d POST", got, len(server.Requests("POST")))
	}
}
