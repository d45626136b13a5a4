package whip

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// line is where a pacer's packets go in a test.
type line struct {
	mu    sync.Mutex // between the goroutines of the pacer, of the writer and of the test
	start time.Time
	seqs  []uint16
	again []uint16
	at    []time.Duration // of each of seqs
	runs  int             // flushes that had something to flush
	dirty bool
}

const testOverhead = 56

// paced runs a function with a pacer in virtual time.
func paced(t *testing.T, cfg Pacing, f func(p *pacer, l *line)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg, err := cfg.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		l := &line{start: time.Now()}
		p := newPacer(cfg, testOverhead, func(h *rtp.Header, payload []byte) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if len(payload) > 0 && payload[0] != byte(h.SequenceNumber) {
				t.Errorf("packet %d has the payload of another", h.SequenceNumber)
			}
			l.seqs, l.at, l.dirty = append(l.seqs, h.SequenceNumber), append(l.at, time.Since(l.start)), true
		}, func(seq uint16) int {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.again, l.dirty = append(l.again, seq), true
			return 1200
		}, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.dirty {
				l.runs++
			}
			l.dirty = false
		})
		defer p.close()
		f(p, l)
	})
}

func (l *line) sent() []uint16   { return locked(l, func() []uint16 { return slices.Clone(l.seqs) }) }
func (l *line) resent() []uint16 { return locked(l, func() []uint16 { return slices.Clone(l.again) }) }
func (l *line) times() []time.Duration {
	return locked(l, func() []time.Duration { return slices.Clone(l.at) })
}
func (l *line) flushes() int { return locked(l, func() int { return l.runs }) }

func locked[T any](l *line, f func() T) T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f()
}

// burst writes so many packets at once.
func burst(p *pacer, from uint16, packets, size int) {
	payload := make([]byte, size)
	for i := range packets {
		seq := from + uint16(i)
		payload[0] = byte(seq)
		p.write(&rtp.Header{SequenceNumber: seq, Timestamp: 90, Marker: i == packets-1}, payload, time.Now())
	}
	synctest.Wait()
}

// settle lets time pass in steps that are those of the pacer.
func settle(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

func inOrder(seqs []uint16) bool {
	for i, s := range seqs {
		if s != uint16(i) {
			return false
		}
	}
	return true
}

// An IDR of 300 kB at 7 Mb/s takes its size by the rate, in few system calls, and
// nothing overtakes.
func TestPacedBurst(t *testing.T) {
	paced(t, Pacing{Rate: 7_000_000}, func(p *pacer, l *line) {
		const packets = 253 // of 1188 bytes: 300 kB
		burst(p, 0, packets, 1188)
		if n := len(l.sent()); n < 1 || n > 6 {
			t.Errorf("%d packets left at once", n)
		}
		settle(3 * time.Second)
		if len(l.sent()) != packets || !inOrder(l.sent()) {
			t.Fatalf("%d packets, in order %v", len(l.sent()), inOrder(l.sent()))
		}
		want := duration(packets*(1188+testOverhead), 7_000_000)
		if last := l.times()[packets-1]; last < want-10*time.Millisecond || last > want+10*time.Millisecond {
			t.Errorf("the last left after %v, not %v", last, want)
		}
		for i := 10; i < packets; i++ { // no more than a run and its slack within 10 ms
			if l.times()[i]-l.times()[i-10] < 5*time.Millisecond {
				t.Fatalf("10 packets within %v", l.times()[i]-l.times()[i-10])
			}
		}
		if l.flushes() > packets/2 || l.flushes() < 40 {
			t.Errorf("%d runs", l.flushes())
		}
		st := p.stats(time.Now())
		if st.Delayed < packets-6 || st.Hastened != 0 || st.Queued != 0 || st.Delay < want-20*time.Millisecond || st.Rate != 7_000_000 {
			t.Errorf("%+v", st)
		}
	})
}

// A stream within the rate is not held up, nor does it wake the goroutine.
func TestPacedStreamWithinTheRate(t *testing.T) {
	paced(t, Pacing{Rate: 7_000_000}, func(p *pacer, l *line) {
		for i := range 500 {
			burst(p, uint16(i*3), 3, 1188)
			settle(40 * time.Millisecond)
		}
		if st := p.stats(time.Now()); st.Delayed != 0 || len(l.sent()) != 1500 || !inOrder(l.sent()) {
			t.Errorf("%+v, %d packets", st, len(l.sent()))
		}
		if l.flushes() != 0 {
			t.Errorf("%d runs", l.flushes())
		}
	})
}

// A stream above the rate is delayed by MaxDelay and no more, and leaves as it came.
func TestPacedStreamAboveTheRate(t *testing.T) {
	paced(t, Pacing{Rate: 3_000_000, MaxDelay: 500 * time.Millisecond}, func(p *pacer, l *line) {
		seq := 0
		for range 1000 { // 40 s of 6 Mb/s
			burst(p, uint16(seq), 25, 1144)
			seq += 25
			settle(40 * time.Millisecond)
			if st := p.stats(time.Now()); st.Delay > 500*time.Millisecond+2*pacingRun {
				t.Fatalf("%+v after %d packets", st, seq)
			}
		}
		settle(time.Second)
		if len(l.sent()) != seq || !inOrder(l.sent()) {
			t.Errorf("%d packets of %d", len(l.sent()), seq)
		}
		if st := p.stats(time.Now()); st.Hastened == 0 || st.Queued != 0 {
			t.Errorf("%+v", st)
		}
		before := p.stats(time.Now()).Hastened
		burst(p, uint16(seq), 50, 1144) // and then the rate counts again
		settle(time.Second)
		if took := l.times()[len(l.times())-1] - l.times()[len(l.times())-50]; took < duration(44*1200, 3_000_000) || p.stats(time.Now()).Hastened != before {
			t.Errorf("the next burst took %v", took)
		}
	})
}

// More than the queue holds leaves at once, in order and counted.
func TestPacedFlood(t *testing.T) {
	paced(t, Pacing{Rate: 1_000_000}, func(p *pacer, l *line) {
		const packets = 10_000 // 12 MB
		burst(p, 0, packets, 1144)
		st := p.stats(time.Now())
		if st.Queued > pacingBytes || st.Queued < pacingBytes-1200 || st.Hastened < packets-pacingBytes/1200-10 {
			t.Errorf("%+v", st)
		}
		settle(3 * time.Second)
		if len(l.sent()) != packets || !inOrder(l.sent()) {
			t.Errorf("%d packets", len(l.sent()))
		}
		if last := l.times()[packets-1]; last > 2*time.Second+2*pacingRun {
			t.Errorf("the last left after %v", last)
		}
	})
}

// Auto takes its rate from the stream: a burst takes a part of the time between two.
func TestPacedByItself(t *testing.T) {
	paced(t, Pacing{Auto: true}, func(p *pacer, l *line) {
		seq := uint16(0)
		var longest time.Duration
		for i := range 500 { // 20 s of 3 Mb/s, a key frame of 300 kB every 2 s
			packets := 8
			if i%50 == 0 {
				packets = 253
			}
			begin, n := time.Since(l.start), len(l.sent())
			burst(p, seq, packets, 1188)
			seq += uint16(packets)
			settle(40 * time.Millisecond)
			if i > 200 && packets == 253 {
				settle(760 * time.Millisecond)
				longest = max(longest, l.times()[n+252]-begin)
			}
		}
		if longest < 200*time.Millisecond || longest > 500*time.Millisecond {
			t.Errorf("a key frame takes %v", longest)
		}
		if st := p.stats(time.Now()); st.Rate < 4_000_000 || st.Rate > 10_000_000 {
			t.Errorf("%+v", st)
		}
	})
}

// What is asked for again goes before what waits, at the same rate, once, and no
// more than the queue has room for.
func TestPacedRetransmissions(t *testing.T) {
	paced(t, Pacing{Rate: 7_000_000}, func(p *pacer, l *line) {
		p.resend([]uint16{1}, time.Now())
		synctest.Wait()
		if len(l.resent()) != 1 {
			t.Error("a retransmission waits for nothing")
		}
		burst(p, 0, 100, 1144)
		left := len(l.sent())
		p.resend([]uint16{10, 11, 12, 10}, time.Now())
		settle(8 * time.Millisecond)
		if !slices.Equal(l.resent(), []uint16{1, 10, 11, 12}) {
			t.Errorf("%v were sent again", l.resent())
		}
		if len(l.sent()) > left+6 {
			t.Errorf("%d others meanwhile", len(l.sent())-left)
		}
		all := make([]uint16, 2000)
		for i := range all {
			all[i] = uint16(1000 + i)
		}
		p.resend(all, time.Now())
		if st := p.stats(time.Now()); st.Discarded < 2000-pacingAgain-10 || st.Discarded > 2000-pacingAgain {
			t.Errorf("%+v", st)
		}
		settle(5 * time.Second)
		if !inOrder(l.sent()) || len(l.sent()) != 100 {
			t.Errorf("%d packets", len(l.sent()))
		}
	})
}

// Audio waits for nothing, and is paid for.
func TestAudioBesidePacing(t *testing.T) {
	paced(t, Pacing{Rate: 1_000_000}, func(p *pacer, l *line) {
		p.aside.Add(125_000) // a second's worth
		burst(p, 0, 2, 1144)
		if len(l.sent()) != 0 {
			t.Errorf("%d packets left", len(l.sent()))
		}
		settle(1100 * time.Millisecond)
		if len(l.sent()) != 2 || l.times()[0] < 990*time.Millisecond {
			t.Errorf("left after %v", l.times())
		}
	})
}

func TestPacerCloses(t *testing.T) {
	paced(t, Pacing{Rate: 100_000}, func(p *pacer, l *line) {
		burst(p, 0, 100, 1144)
		left := len(l.sent())
		p.close()
		burst(p, 100, 100, 1144)
		p.resend([]uint16{1}, time.Now())
		settle(time.Minute)
		if len(l.sent()) != left || len(l.resent()) != 0 || p.stats(time.Now()).Queued != 0 {
			t.Errorf("%d packets after the end", len(l.sent())-left)
		}
		p.close()
	})
}

func TestPacingDoesNotAllocate(t *testing.T) {
	cfg, _ := Pacing{Rate: 8_000_000, MaxDelay: time.Hour}.withDefaults()
	sent := 0
	// Without its goroutine, so that the time is the test's.
	p := &pacer{cfg: cfg, overhead: testOverhead, send: func(*rtp.Header, []byte) { sent++ }, wake: make(chan struct{}, 1)}
	payload := make([]byte, 1188)
	h := rtp.Header{Version: 2}
	now := time.Unix(1000, 0)
	turn := func() {
		for range 20 {
			h.SequenceNumber++
			p.write(&h, payload, now)
		}
		now = now.Add(time.Second)
		p.sendDue(now)
	}
	turn()
	if n := testing.AllocsPerRun(100, turn); n > 10 || sent < 2000 { // not one a packet; a pool may be emptied, and under -race often is
		t.Errorf("%v allocations for 20 packets, %d sent", n, sent)
	}
}

// A session paces its video: the burst arrives whole and spread, what is lost on the
// way is sent again, and audio is not held up.
func TestPacedSession(t *testing.T) {
	var mu sync.Mutex
	var videoAt, audioAt []time.Time
	seen, arrived := map[uint16]bool{}, map[uint16]bool{}
	server := whiptest.NewServer(t, whiptest.Config{
		Lose: func(kind string, h *rtp.Header) bool {
			mu.Lock()
			defer mu.Unlock()
			if kind != Video || seen[h.SequenceNumber] {
				return false
			}
			seen[h.SequenceNumber] = true
			return h.SequenceNumber%50 == 7
		},
		OnRTP: func(kind string, p *rtp.Packet) {
			mu.Lock()
			defer mu.Unlock()
			if kind == Video {
				videoAt, arrived[p.SequenceNumber] = append(videoAt, time.Now()), true
			} else {
				audioAt = append(audioAt, time.Now())
			}
		},
	})
	s := publish(t, server, Config{Pacing: Pacing{Rate: 1_000_000}}, videoTrack, opusTrack)
	payload := make([]byte, 1144)
	const packets = 160 // 1.5 s, in which a busy machine gets to the audio as well
	began := time.Now()
	for i := range packets {
		h := rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: 90, Marker: i == packets-1}
		if err := s.WriteRTP(0, &h, payload); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Pacing.Queued == 0 {
		t.Errorf("the writer was held up for %v, until all had left", time.Since(began))
	}
	if err := s.WriteRTP(1, &rtp.Header{Version: 2, Marker: true}, payload[:160]); err != nil {
		t.Fatal(err)
	}
	peer := server.WaitSession(t)
	peer.WaitFor(t, "each packet", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(arrived) == packets
	})
	peer.WaitPackets(t, Audio, 1)
	mu.Lock()
	defer mu.Unlock()
	if took, least := videoAt[len(videoAt)-1].Sub(began), 1300*time.Millisecond; took < least {
		t.Errorf("all arrived within %v", took)
	}
	if audioAt[0].After(videoAt[len(videoAt)/2]) {
		t.Error("audio waited for video")
	}
	st := s.Stats()
	if st.Pacing.Delayed < 80 || st.Pacing.Delay < 250*time.Millisecond || st.Pacing.Hastened != 0 || st.Pacing.Rate != 1_000_000 || st.Tracks[0].Retransmitted < 3 {
		t.Errorf("%+v", st)
	}
	if sent := st.Tracks[0].PacketsSent; sent != packets {
		t.Errorf("%d packets sent", sent)
	}
}
