package rtspsrc_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// Whoever is in the camera's network may send to our ports. What does not come from the
// camera's address and port is not taken, be it RTP that fits in, or RTCP that says that
// the camera has ended. Linux has more than one loopback address to send from.
func TestStrangersOverUDP(t *testing.T) { bothWays(t, checkStrangersOverUDP) }

func checkStrangersOverUDP(t *testing.T, source func(rtspsrc.Config) *rtspsrc.Source) {
	cam, send := udpScript(t)
	var got sink
	sess := play(t, source(rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP, Stall: -1}), &got)
	send(101, 10)
	got.expect(t, "100 101")

	rtpPort, err := strconv.Atoi(cam.port)
	if err != nil {
		t.Fatal(err)
	}
	bye, err := (&rtcp.Goodbye{Sources: []uint32{7}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	report, err := (&rtcp.SenderReport{SSRC: 7, NTPTime: 1 << 60, RTPTime: 1}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"127.0.0.2", "127.0.0.1"} { // another host, and another port of the camera's
		stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(from)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stranger.Close() })
		for seq := range uint16(200) {
			if _, err := stranger.WriteTo(videoPacket(t, 102+seq, 66), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: rtpPort}); err != nil {
				t.Fatal(err)
			}
		}
		for _, b := range [][]byte{bye, append(report, bye...)} {
			if _, err := stranger.WriteTo(b, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: rtpPort + 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(102, 10)
	send(103, 10)
	got.expect(t, "100 101 102 103")
	got.mu.Lock()
	defer got.mu.Unlock()
	for _, p := range got.packets["H264"] {
		if len(p.Payload) != 10 {
			t.Errorf("packet %d is a stranger's", p.SequenceNumber)
		}
	}
	select {
	case <-sess.Done():
		t.Errorf("the session has ended: %v", sess.Err())
	case <-time.After(10 * time.Millisecond): // nothing to wait for: what was sent before 103 was looked at
	}
	if st := sess.Stats(); st.PacketsLost != 0 {
		t.Errorf("%+v", st)
	}
}
