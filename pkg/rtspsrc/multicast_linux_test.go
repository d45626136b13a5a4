package rtspsrc_test

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// groupSender sends to multicast groups on the loopback interface.
func groupSender(t *testing.T) func(group string, port int, b []byte) {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	raw, err := pc.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInet4Addr(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, [4]byte{127, 0, 0, 1})
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return func(group string, port int, b []byte) {
		if _, err := pc.WriteTo(b, &net.UDPAddr{IP: net.ParseIP(group), Port: port}); err != nil {
			t.Error(err)
		}
	}
}

// freePort returns an even UDP port that nobody uses just now.
func freePort(t *testing.T) int {
	t.Helper()
	pc, err := net.ListenPacket("udp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return pc.LocalAddr().(*net.UDPAddr).Port &^ 1
}

func TestMulticast(t *testing.T) {
	const videoGroup, audioGroup = "239.255.77.1", "239.255.77.2"
	port := freePort(t)
	ports := strconv.Itoa(port) + "-" + strconv.Itoa(port+1)
	send := groupSender(t)
	answer := func(group string) string {
		return setupAnswer("Session: 1\r\nTransport: RTP/AVP;multicast;destination=" + group + ";port=" + ports + ";ttl=1\r\n")[0]
	}
	cam := startScript(t, &script{
		answers: map[string][]string{
			"DESCRIBE": {describeAnswer("", usualSDP()+"m=audio 0 RTP/AVP 0\r\na=control:track2\r\n")},
			"SETUP":    {answer(videoGroup), answer(audioGroup)},
		},
		datagrams: func(func([]byte)) {
			for _, seq := range []uint16{1, 2, 4, 3, 6} { // 5 is lost
				send(videoGroup, port, videoPacket(t, seq, 50))
				audio := videoPacket(t, 100+seq, 80)
				audio[1] = 0
				send(audioGroup, port, audio)
			}
		},
	})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.Multicast}), &got)
	got.expect(t, "1 2 3 4 6")
	waitFor(t, "audio", func() bool { return got.count("PCMU") == 5 })
	if st := sess.Stats(); st.Protocol != "multicast" || st.PacketsLost != 2 || st.PacketsUnusable != 0 {
		t.Errorf("%+v", st)
	}
	if r := cam.last("SETUP"); !strings.Contains(r, "Transport: RTP/AVP;multicast\r\n") {
		t.Errorf("%s", r)
	}
}

func TestMulticastRefused(t *testing.T) {
	for name, transport := range map[string]string{
		"unicast":           "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001",
		"no group":          "RTP/AVP;multicast;port=5000-5001",
		"no ports":          "RTP/AVP;multicast;destination=239.1.2.3",
		"group of its own":  "RTP/AVP;multicast;destination=10.0.0.1;port=5000-5001",
		"not even a number": "RTP/AVP;multicast;destination=door;port=5000-5001",
	} {
		t.Run(name, func(t *testing.T) {
			cam := startScript(t, &script{answers: map[string][]string{"SETUP": setupAnswer("Session: 1\r\nTransport: " + transport + "\r\n")}})
			e := refused(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.Multicast, RequestTimeout: 30 * time.Second})
			if e.Op != "setup" || !e.Slow() || !strings.Contains(e.Hint(), "transport to auto") || errors.Unwrap(e) == nil {
				t.Errorf("%v (hint %q)", e, e.Hint())
			}
		})
	}
}
