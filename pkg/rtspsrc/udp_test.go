package rtspsrc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// udpScript is a camera that answers as over UDP and leaves its packets to send.
func udpScript(t *testing.T) (*script, func(seq uint16, size int)) {
	t.Helper()
	ready := make(chan func([]byte), 1)
	cam := startScript(t, &script{
		answers: map[string][]string{"SETUP": setupAnswer("Session: 1\r\nTransport: RTP/AVP;unicast;client_port=%PORT%\r\n")},
		datagrams: func(send func([]byte)) {
			send(videoPacket(t, 100, 10)) // Play waits for the first packet
			ready <- send
		},
	})
	var send func([]byte)
	return cam, func(seq uint16, size int) {
		if send == nil {
			send = <-ready
		}
		send(videoPacket(t, seq, size))
	}
}

// bothWays runs a test with packets that go past gortsplib, and with packets that go
// through it.
func bothWays(t *testing.T, test func(*testing.T, func(rtspsrc.Config) *rtspsrc.Source)) {
	for name, every := range map[string]time.Duration{"past gortsplib": time.Hour, "through gortsplib": 0} {
		t.Run(name, func(t *testing.T) {
			test(t, func(cfg rtspsrc.Config) *rtspsrc.Source {
				src := newSource(t, cfg)
				rtspsrc.SetLifeEvery(src, every)
				return src
			})
		})
	}
}

func videoPacket(t *testing.T, seq uint16, size int) []byte {
	t.Helper()
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(seq) * 3600, SSRC: 7},
		Payload: slices.Repeat([]byte{0x65}, size),
	}).Marshal()
	if err != nil {
		t.Error(err)
	}
	return b
}

// seqs writes down what a track has brought.
func (s *sink) seqs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, p := range s.packets["H264"] {
		out = append(out, fmt.Sprint(p.SequenceNumber))
	}
	return strings.Join(out, " ")
}

func (s *sink) expect(t *testing.T, want string) {
	t.Helper()
	waitFor(t, want, func() bool { return len(s.seqs()) >= len(want) })
	if got := s.seqs(); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestUDPLossHoldsUpNothing(t *testing.T) { bothWays(t, checkUDPLossHoldsUpNothing) }

func checkUDPLossHoldsUpNothing(t *testing.T, source func(rtspsrc.Config) *rtspsrc.Source) {
	cam, send := udpScript(t)
	var got sink
	sess := play(t, source(rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP}), &got)
	for _, seq := range []uint16{101, 103, 104} {
		send(seq, 10)
	}
	// Nothing follows: only the time can bring 103 and 104.
	got.expect(t, "100 101 103 104")
	send(102, 10) // too late
	send(105, 10)
	send(105, 10)
	send(107, 10)
	got.expect(t, "100 101 103 104 105 107")
	if st := sess.Stats(); st.PacketsLost != 2 || st.PacketsLate != 2 || st.PacketsReordered != 0 || st.PacketsUnusable != 0 {
		t.Errorf("%+v", st)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	if p := got.packets["H264"][3]; p.Timestamp != 104*3600 || p.SSRC != 7 || len(p.Payload) != 10 {
		t.Errorf("%v", p)
	}
}

func TestUDPReordering(t *testing.T) { bothWays(t, checkUDPReordering) }

func checkUDPReordering(t *testing.T, source func(rtspsrc.Config) *rtspsrc.Source) {
	cam, send := udpScript(t)
	var got sink
	// A delay that no test run exceeds: what comes, comes because it is complete.
	sess := play(t, source(rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP, ReorderDelay: time.Hour, Stall: -1}), &got)
	for _, seq := range []uint16{102, 104, 103, 103, 101, 105, 100, 106} {
		send(seq, 10)
	}
	got.expect(t, "100 101 102 103 104 105 106")
	if st := sess.Stats(); st.PacketsLost != 0 || st.PacketsLate != 2 || st.PacketsReordered != 3 {
		t.Errorf("%+v", st)
	}
	send(108, 10) // Close must not wait for 107
	closeWithin(t, sess, 30*time.Second)
}

func TestUDPWithoutDelay(t *testing.T) { bothWays(t, checkUDPWithoutDelay) }

func checkUDPWithoutDelay(t *testing.T, source func(rtspsrc.Config) *rtspsrc.Source) {
	cam, send := udpScript(t)
	var got sink
	play(t, source(rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP, ReorderDelay: -1}), &got)
	send(102, 10)
	send(50, 10)
	send(104, 10)
	got.expect(t, "100 102 104")
}

func TestUDPLargeDatagrams(t *testing.T) { bothWays(t, checkUDPLargeDatagrams) }

func checkUDPLargeDatagrams(t *testing.T, source func(rtspsrc.Config) *rtspsrc.Source) {
	cam, send := udpScript(t)
	var got sink
	sess := play(t, source(rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP}), &got)
	for i, size := range []int{1460, 1461, 10_000, 60_000, 20} {
		send(uint16(101+i), size)
	}
	got.expect(t, "100 101 102 103 104 105")
	got.mu.Lock()
	defer got.mu.Unlock()
	for i, size := range []int{10, 1460, 1461, 10_000, 60_000, 20} {
		p := got.packets["H264"][i].Payload
		if len(p) != size || strings.Trim(string(p), "\x65") != "" {
			t.Errorf("packet %d has %d bytes, want %d", i, len(p), size)
		}
	}
	if st := sess.Stats(); st.PacketsUnusable != 0 || st.PacketsLost != 0 {
		t.Errorf("%+v", st)
	}
}
