package whip

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// frame writes an access unit of n packets, of which the last has the marker.
func frame(t *testing.T, s *Session, track, n int, h *rtp.Header) {
	t.Helper()
	payload := bytes.Repeat([]byte{0x61}, 1188)
	for i := range n {
		h.SequenceNumber++
		h.Marker = i == n-1
		if err := s.WriteRTP(track, h, payload[:len(payload)-i/(n-1)*100]); err != nil {
			t.Fatal(err)
		}
	}
	h.Timestamp += 3600
}

func gathers(s *Session) bool { return s.sockets[0].Gathers() }

// A frame leaves in few system calls, complete and without a flush.
func TestFramesLeaveInBatches(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	h := rtp.Header{Version: 2}
	const frames, packets = 20, 30
	peer := server.WaitSession(t)
	for i := range uint64(frames) {
		frame(t, s, 0, packets, &h)
		peer.WaitPackets(t, Video, (i+1)*packets)
	}
	st := s.sockets[0].Stats()
	if gathers(s) && st.Batched < frames*packets/2 {
		t.Errorf("of %d packets, only %d left in batches: %+v", frames*packets, st.Batched, st)
	}
	if st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

// Packets of an unfinished access unit do not wait for its end: a flush sends
// them, and without one they leave by themselves.
func TestUnfinishedFrame(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	peer := server.WaitSession(t)
	h := rtp.Header{Version: 2}
	for i := range uint64(20) {
		h.SequenceNumber++
		if err := s.WriteRTP(0, &h, []byte{0x61, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		if i >= 10 {
			s.Flush()
		}
		peer.WaitPackets(t, Video, i+1)
	}
}

// Audio leaves at once, and takes along what video has gathered.
func TestAudioDoesNotWait(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack, opusTrack)
	if !gathers(s) {
		return
	}
	before := s.sockets[0].Stats()
	h := rtp.Header{Version: 2}
	for range 3 {
		h.SequenceNumber++
		if err := s.WriteRTP(1, &h, []byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.sockets[0].Stats(); st.Datagrams < before.Datagrams+3 || st.Batched != before.Batched {
		t.Errorf("%+v, before %+v", st, before)
	}
}
