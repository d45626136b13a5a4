package viewer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// putter hands packets to a queue, one access unit each.
type putter struct {
	q     *queue
	track previewTrack
	ts    uint32
}

func (p *putter) put(start bool, size int) (ask bool) {
	p.ts += 3600
	return p.q.put(&p.track, true, start, &rtp.Header{Marker: true, Timestamp: p.ts}, make([]byte, size))
}

// takeAll empties a queue and returns the timestamps.
func takeAll(q *queue) (ts []uint32) {
	var p queued
	for q.take(&p) {
		ts = append(ts, p.ts)
	}
	return ts
}

func TestQueueBeginsWithAKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &putter{q: newQueue()}
		p.q.begin(time.Now())
		if p.put(false, 100) {
			t.Error("a key frame is asked for again at once")
		}
		time.Sleep(askAgain)
		if !p.put(false, 100) || p.put(false, 100) {
			t.Error("not asked again, or twice")
		}
		p.put(true, 100)
		p.put(false, 100)
		if got := takeAll(p.q); len(got) != 2 || got[0] != p.ts-3600 {
			t.Errorf("sent: %v", got)
		}
		if p.q.lost() != 0 {
			t.Errorf("%d packets count as dropped: nothing was too slow", p.q.lost())
		}
	})
}

// A browser that takes nothing loses whole pictures until a key frame begins.
func TestFullQueueDropsUntilAKeyFrame(t *testing.T) {
	for _, c := range []struct {
		name       string
		size, most int
	}{
		{"packets", 100, queuePackets}, {"bytes", 1200, queueBytes / 1200},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &putter{q: newQueue()}
				p.q.begin(time.Now())
				p.put(true, c.size)
				for range c.most - 1 {
					if p.put(false, c.size) {
						t.Fatal("asked for a key frame while there is room")
					}
				}
				if !p.put(false, c.size) {
					t.Error("no key frame is asked for when the first packet is dropped")
				}
				var got queued
				for range 10 {
					p.q.take(&got)
				}
				p.put(false, c.size) // there is room, but it refers to what is missing
				if p.q.lost() != 2 {
					t.Errorf("%d dropped, want 2", p.q.lost())
				}
				p.put(true, c.size)
				last := p.ts
				rest := takeAll(p.q)
				if len(rest) != c.most-10+1 || rest[len(rest)-1] != last {
					t.Errorf("%d left, the last of %d", len(rest), rest[len(rest)-1])
				}
				for i := 1; i < len(rest); i++ {
					if rest[i] <= rest[i-1] {
						t.Fatalf("out of order: %d after %d", rest[i], rest[i-1])
					}
				}
				if p.q.bytes != 0 {
					t.Errorf("%d bytes are left of nothing", p.q.bytes)
				}
			})
		})
	}
}

// Sound that is too much is dropped, and asks for no picture.
func TestFullQueueDropsSound(t *testing.T) {
	p := &putter{q: newQueue()}
	p.q.begin(time.Now())
	p.put(true, queueBytes)
	if p.q.put(&p.track, false, false, &rtp.Header{}, []byte{1}) || p.q.lost() != 1 || p.q.waiting {
		t.Error("sound was not dropped by itself")
	}
}

func TestQueueRestartsAndEnds(t *testing.T) {
	p := &putter{q: newQueue()}
	p.q.begin(time.Now())
	p.put(true, 100)
	p.q.restart()
	if got := takeAll(p.q); len(got) != 0 {
		t.Errorf("left after a restart: %v", got)
	}
	if !p.put(false, 100) || len(takeAll(p.q)) != 0 {
		t.Error("after a restart no key frame is waited for and asked for")
	}
	p.q.end()
	if p.q.open.Load() || p.q.ring != nil {
		t.Error("packets are kept after the end")
	}
}

func TestQueueAllocatesNothingOnceItIsLarge(t *testing.T) {
	p := &putter{q: newQueue()}
	p.q.begin(time.Now())
	p.put(true, 1000)
	h, payload := &rtp.Header{}, make([]byte, 1200)
	var got queued
	for range 200 {
		p.q.put(&p.track, true, false, h, payload)
	}
	takeAll(p.q)
	if n := testing.AllocsPerRun(1000, func() {
		p.q.put(&p.track, true, false, h, payload)
		p.q.take(&got)
	}); n != 0 {
		t.Errorf("%.1f allocations a packet", n)
	}
}
