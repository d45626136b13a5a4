package whip

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// Over an uplink of 8 Mb/s, a camera of 3 Mb/s with key frames of 300 kB loses none of
// its packets to its own bursts when paced at 7 Mb/s, and a key frame takes its size
// divided by the rate, and little more for headers and the pictures before it: a tenth,
// and half for a busy machine. Without pacing the same bursts lose packets.
func TestThinUplink(t *testing.T) {
	const idr, rate = 300_000, 7_000_000
	for _, c := range []struct {
		name   string
		pacing Pacing
	}{{"paced", Pacing{Rate: rate}}, {"not paced", Pacing{}}} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			whole := map[uint32]time.Time{} // arrival of each picture's marker
			server := whiptest.NewServer(t, whiptest.Config{Link: 8_000_000, OnRTP: func(_ string, p *rtp.Packet) {
				mu.Lock()
				defer mu.Unlock()
				if p.Marker && whole[p.Timestamp].IsZero() {
					whole[p.Timestamp] = time.Now()
				}
			}})
			s := publish(t, server, Config{Pacing: c.pacing}, videoTrack)
			sent := map[uint32]time.Time{} // of key frames
			tick := time.NewTicker(40 * time.Millisecond)
			defer tick.Stop()
			h := rtp.Header{Version: 2}
			payload := make([]byte, 1148)
			for i := range 75 { // 3 s, two key frames
				size := 9_000
				if i%50 == 10 {
					size = idr
					sent[h.Timestamp] = time.Now()
				}
				for left := size; left > 0; left -= len(payload) {
					h.SequenceNumber++
					h.Marker = left <= len(payload)
					if err := s.WriteRTP(0, &h, payload); err != nil {
						t.Fatal(err)
					}
				}
				h.Timestamp += 3600
				<-tick.C
			}
			packets := s.Stats().Tracks[0].PacketsSent
			if c.pacing == (Pacing{}) {
				eventually(t, "packets asked for again", func() bool { return s.Stats().Tracks[0].Nacked > 0 })
				return
			}
			peer := server.WaitSession(t)
			eventually(t, "all packets", func() bool { return s.Stats().Pacing.Queued == 0 && peer.Track(Video).Packets >= packets })
			if st := s.Stats(); st.Tracks[0].Nacked != 0 || st.Pacing.Hastened != 0 {
				t.Errorf("%+v", st)
			}
			mu.Lock()
			defer mu.Unlock()
			for ts, at := range sent {
				took, least := whole[ts].Sub(at), duration(idr, rate)
				t.Logf("a key frame took %v, its size by the rate is %v", took.Round(time.Millisecond), least.Round(time.Millisecond))
				if took > least*3/2 || took < least*9/10 {
					t.Errorf("a key frame took %v", took)
				}
			}
		})
	}
}
