package repack

import (
	"sync"
	"testing"
)

// Stats and ParameterSets are read while packets are pushed; the race detector
// sees to the rest.
func TestStatsFromAnotherGoroutine(t *testing.T) {
	g := newRig(t, H264Config{})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Add(1)
	go func() {
		defer wg.Done()
		var last uint64
		for {
			s := g.r.Stats()
			if s.Packets < last {
				t.Errorf("%d packets after %d", s.Packets, last)
			}
			last = s.Packets
			sps, pps := g.r.ParameterSets()
			if (sps == nil) != (pps == nil) && s.KeyFrames > 0 {
				t.Error("one parameter set without the other")
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 200 {
		g.sendAll(key(3000), delta(1, 100))
		g.seq++
		g.send(delta(3, 100))
	}
	close(stop)
	wg.Wait()
	if s := g.r.Stats(); s.KeyFrames != 200 || s.LostPackets != 200 {
		t.Errorf("stats: %+v", s)
	}
}

// A unit of which start codes across fragments leave only the header is none.
func TestNothingButZeros(t *testing.T) {
	for header := range 32 {
		g := newRig(t, H264Config{SEI: SEIPass})
		g.send(key(100))
		g.frame()
		d := delta(1, 100)[0]
		g.push(false, 0x7c, byte(header)|fuStart, 0, 0)
		g.push(true, append([]byte{0x7c, byte(header) | fuEnd, 1}, d...)...)
		got := g.closed()
		if err := sameUnits(got[len(got)-1], pic(d)); err != nil {
			t.Errorf("type %d: %v", header, err)
		}
	}
}
