package whip

import (
	"testing"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

type nowhere struct{ headers, bytes int }

func (n *nowhere) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	n.headers += int(h.Version)
	n.bytes += len(payload)
	return len(payload), nil
}

func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }

func TestWriteDoesNotAllocate(t *testing.T) {
	track := newLocalTrack(0, Video, "s")
	track.writer = &nowhere{}
	track.chosen.payloadType = 96
	s := &Session{tracks: []*localTrack{track}}
	h := rtp.Header{Version: 2}
	payload := make([]byte, 1188)
	for range 2000 { // the history grows to its size
		h.SequenceNumber++
		_ = s.WriteRTP(0, &h, payload)
	}
	if n := testing.AllocsPerRun(1000, func() {
		h.SequenceNumber++
		h.Timestamp += 3000
		if err := s.WriteRTP(0, &h, payload); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	var scratch []byte
	scratch, _ = track.resend(h.SequenceNumber, scratch)
	if n := testing.AllocsPerRun(100, func() {
		h.SequenceNumber--
		scratch, _ = track.resend(h.SequenceNumber, scratch)
	}); n > 1 { // the header, which escapes into the library
		t.Errorf("%v allocations a retransmission", n)
	}
	if h.SSRC != track.ssrc || h.PayloadType != 96 {
		t.Errorf("header %+v", h)
	}
}

func TestWriteToUnknownTrack(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	for _, track := range []int{-1, 1} {
		if err := s.WriteRTP(track, &rtp.Header{Version: 2}, nil); err == nil {
			t.Errorf("track %d took a packet", track)
		}
	}
}

// BenchmarkWriteRTP is the whole way of a packet, encryption and system call
// included, so its allocations are those of the WebRTC library.
func BenchmarkWriteRTP(b *testing.B) {
	server := whiptest.NewServer(b, whiptest.Config{})
	client, err := New(Config{Endpoint: server.URL()})
	if err != nil {
		b.Fatal(err)
	}
	s, err := client.Publish(b.Context(), []Track{videoTrack})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(b.Context()) //nolint:errcheck // a benchmark
	h := rtp.Header{Version: 2}
	payload := make([]byte, 1188)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		h.SequenceNumber++
		if err := s.WriteRTP(0, &h, payload); err != nil {
			b.Fatal(err)
		}
	}
}
