package whip

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

func TestMediaEndToEnd(t *testing.T) {
	var mu sync.Mutex
	var video []*rtp.Packet
	server := whiptest.NewServer(t, whiptest.Config{Token: "secret-token", OnRTP: func(kind string, p *rtp.Packet) {
		if kind == Video {
			mu.Lock()
			defer mu.Unlock()
			video = append(video, p)
		}
	}})
	s := publish(t, server, Config{Token: StaticToken("secret-token")}, videoTrack, opusTrack)
	if got := s.Codec(0); got.Name != H264 || got.ProfileLevelID != "64001f" || got.ClockRate != 90000 {
		t.Errorf("video codec %+v", got)
	}
	if got := s.Codec(1); got.Name != Opus || got.Channels != 2 {
		t.Errorf("audio codec %+v", got)
	}
	pump(t, s, 0, 1100)
	pump(t, s, 1, 160)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 300)
	peer.WaitPackets(t, Audio, 300)

	mu.Lock()
	for _, p := range video {
		if p.PayloadType != 96 || len(p.Payload) != 1100 || p.Extension || p.SSRC != s.Stats().Tracks[0].SSRC {
			t.Fatalf("packet arrived as %v", p)
		}
	}
	mu.Unlock()

	// Reports both ways.
	peer.WaitFor(t, "sender reports", func() bool {
		return peer.Track(Video).SenderReports > 0 && peer.Track(Audio).SenderReports > 0
	})
	if cname := peer.Track(Video).CNAME; cname == "" || cname != peer.Track(Audio).CNAME {
		t.Errorf("CNAMEs %q and %q", cname, peer.Track(Audio).CNAME)
	}
	eventually(t, "receiver reports with a round-trip time", func() bool {
		st := s.Stats()
		return st.RTT > 0 && !st.Tracks[0].LastReceiverReport.IsZero() && !st.Tracks[1].LastReceiverReport.IsZero()
	})
	st := s.Stats()
	if st.RTT > 5*time.Second || st.Tracks[0].FractionLost > 1 || st.Tracks[0].PacketsSent == 0 ||
		st.Tracks[0].BytesSent < 1112*st.Tracks[0].PacketsSent || !strings.Contains(st.Pair, " -> 127.0.0.1:") {
		t.Errorf("stats %+v", st)
	}
}

func TestSenderReportPairsTimes(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	p := pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	peer.WaitFor(t, "two sender reports", func() bool { return peer.Track(Video).SenderReports >= 2 })
	p.end()
	sr := peer.Track(Video).LastReport
	at := time.Unix(int64(sr.NTPTime>>32)-2208988800, 0)
	if d := time.Since(at); d < -2*time.Second || d > time.Minute {
		t.Errorf("NTP time is %v off", d)
	}
	if sr.PacketCount == 0 || sr.OctetCount != 100*sr.PacketCount {
		t.Errorf("counts %d, %d", sr.PacketCount, sr.OctetCount)
	}
}

func TestKeyFrameRequests(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	asked := make(chan int, 100)
	s := publish(t, server, Config{OnKeyFrameRequest: func(track int) { asked <- track }}, opusTrack, videoTrack)
	pump(t, s, 1, 500)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 1)
	wait := func() {
		t.Helper()
		select {
		case track := <-asked:
			if track != 1 {
				t.Fatalf("key frame asked for on track %d", track)
			}
		case <-time.After(testWait):
			t.Fatal("no key frame request arrived")
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(peer.PLI(Video))
	wait()
	check(peer.FIR(Video, 7))
	wait()
	check(peer.FIR(Video, 7)) // a repetition
	check(peer.FIR(Video, 8))
	wait()
	check(peer.PLI(Video))
	wait()
	eventually(t, "two PLI and two FIR counted", func() bool {
		st := s.Stats().Tracks[1]
		return st.PLI == 2 && st.FIR == 2
	})
}

func TestLostPacketsAreSentAgain(t *testing.T) {
	var mu sync.Mutex
	seen := map[uint16]int{}
	lost := map[uint16]bool{}
	server := whiptest.NewServer(t, whiptest.Config{
		Lose: func(_ string, h *rtp.Header) bool {
			mu.Lock()
			defer mu.Unlock()
			if h.SequenceNumber%10 == 3 && !lost[h.SequenceNumber] {
				lost[h.SequenceNumber] = true // once
				return true
			}
			return false
		},
		OnRTP: func(_ string, p *rtp.Packet) {
			mu.Lock()
			defer mu.Unlock()
			seen[p.SequenceNumber]++
		},
	})
	s := publish(t, server, Config{}, videoTrack)
	p := pump(t, s, 0, 900)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 600) // past the wrap of the sequence numbers
	peer.WaitFor(t, "the lost packets", func() bool {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for seq := range lost {
			if seen[seq] > 0 {
				n++
			}
		}
		return n >= 50
	})
	p.end()
	eventually(t, "all of them counted", func() bool { // which may be after their arrival
		st := s.Stats().Tracks[0]
		return st.Retransmitted >= 50 && st.Nacked >= st.Retransmitted
	})
}

func TestNackForWhatIsNotThere(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, Config{}, videoTrack)
	if err := s.WriteRTP(0, &rtp.Header{Version: 2, SequenceNumber: 10}, []byte{1}); err != nil {
		t.Fatal(err)
	}
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 1)
	if err := peer.NACK(Video, 10, 11, 12); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the NACK", func() bool { return s.Stats().Tracks[0].Nacked == 3 })
	eventually(t, "one retransmission", func() bool { return s.Stats().Tracks[0].Retransmitted == 1 })
}

func TestBothDTLSRoles(t *testing.T) {
	for _, passive := range []bool{false, true} {
		server := whiptest.NewServer(t, whiptest.Config{PassiveDTLS: passive})
		s := publish(t, server, Config{}, videoTrack)
		peer := server.WaitSession(t)
		if got := strings.Contains(peer.Answer(), "a=setup:passive"); got != passive {
			t.Fatalf("the answer is passive: %v", got)
		}
		pump(t, s, 0, 1100)
		peer.WaitPackets(t, Video, 20)
	}
}

// A .local name of the server's network cannot be resolved here and stalls nothing.
func TestLocalNamesInTheAnswer(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{
		MutateAnswer: replace(" 127.0.0.1 ", " 2f6e1a52-0000-4000-8000-000000000000.local "),
	})
	s := publish(t, server, Config{}, videoTrack)
	pump(t, s, 0, 1100)
	server.WaitSession(t).WaitPackets(t, Video, 20)
}
