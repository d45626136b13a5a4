package publisher

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// onlooker is a Tap that keeps what it gets.
type onlooker struct {
	mu     sync.Mutex
	got    []sentPacket
	starts int
	ended  int
}

func (o *onlooker) WriteRTP(codec string, start bool, h *rtp.Header, payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if codec != CodecH264 {
		return
	}
	if start {
		o.starts++
	}
	o.got = append(o.got, sentPacket{header: *h, first: payload[0], at: time.Now()})
}

func (o *onlooker) Ended() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended++
}

func (o *onlooker) counts() (packets, starts, ended int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.got), o.starts, o.ended
}

// A tap sees what a session sees, and goes on while there is none.
func TestTap(t *testing.T) {
	cam, target := videoOnly(), &fakeTarget{}
	cam.gop = 10000
	var first, second onlooker
	bubble(t, cam, target, nil, func(t *testing.T, p *Publisher) {
		if _, ok := p.Tap(&first); ok {
			t.Error("a camera that does not play yet was tapped")
		}
		after(5 * time.Second)
		wantState(t, p, Live)
		tapped, ok := p.Tap(&first)
		if !ok || tapped.Video != CodecH264 || tapped.ProfileLevelID != "42c01e" || tapped.Audio != "" {
			t.Fatalf("tapped: %t %+v", ok, tapped)
		}
		if _, ok := p.Tap(&second); !ok {
			t.Fatal("a second tap is refused")
		}
		asked := cam.last().keyFrames.Load()
		tapped.KeyFrame()
		after(time.Second)
		if n := cam.last().keyFrames.Load(); n != asked+1 {
			t.Errorf("the camera was asked for %d key frames", n-asked)
		}
		if n, starts, _ := first.counts(); n < 24 || starts != 1 {
			t.Errorf("%d packets, %d key frames within a second of asking", n, starts)
		}
		target.fail(errors.New("no room"))
		target.all()[0].lose(nil)
		before, _, _ := first.counts()
		after(time.Minute)
		wantState(t, p, Reconnecting)
		if n, _, _ := first.counts(); n < before+1400 {
			t.Errorf("%d packets in a minute without a session", n-before)
		}
		checkLine(t, first.got)
		tapped.Remove()
		tapped.Remove()
		after(time.Second)
		gone, _, _ := first.counts()
		after(time.Second)
		if n, _, _ := first.counts(); n != gone {
			t.Error("a removed tap gets packets")
		}
	})
	if _, _, ended := first.counts(); ended != 0 {
		t.Error("a tap that was removed is told of the end")
	}
	if n, _, ended := second.counts(); ended != 1 || n < 1400 {
		t.Errorf("the second was told %d times of the end, after %d packets", ended, n)
	}
}

func TestNoTapAfterTheEnd(t *testing.T) {
	var taps taps
	taps.end()
	if taps.add(&onlooker{}) {
		t.Error("taken")
	}
}

// nowhere is a session that takes packets and keeps nothing of them.
type nowhere struct{ TargetSession }

func (nowhere) WriteRTP(int, *rtp.Header, []byte) error { return nil }

// Nobody looks nearly all of the time: then a packet costs nothing more than it did.
func TestTapAllocatesNothing(t *testing.T) {
	var sent counters
	var taps taps
	f := newVideoFeed(Track{Kind: Video, Codec: CodecH264, ClockRate: 90000}, Config{Codec: CodecH264}, &sent, &taps, func() {})
	f.out.Store(&outlet{session: nowhere{}})
	h, payload := &rtp.Header{Version: 2}, []byte{0x41, 0x9a, 0x24}
	write := func() {
		h.SequenceNumber++
		if err := f.WriteRTP(h, payload); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, write); n != 0 {
		t.Errorf("tap off: %.1f allocations a packet", n)
	}
	look := &counting{}
	taps.add(look)
	if n := testing.AllocsPerRun(1000, write); n != 0 || look.packets < 1000 {
		t.Errorf("tap on: %.1f allocations a packet, %d packets", n, look.packets)
	}
	taps.remove(look)
	if taps.now.Load() != nil {
		t.Error("nobody looks, and a packet's way is longer")
	}
}

type counting struct{ packets int }

func (c *counting) WriteRTP(string, bool, *rtp.Header, []byte) { c.packets++ }
func (c *counting) Ended()                                     {}
