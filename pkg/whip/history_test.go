package whip

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// payloadOf is recognizable: the number, then filling.
func payloadOf(n, size int) []byte {
	b := bytes.Repeat([]byte{byte(n)}, size)
	binary.BigEndian.PutUint32(b, uint32(n))
	return b
}

// put keeps a payload without a header before it.
func (h *history) put(seq uint16, timestamp uint32, marker bool, payload []byte, now time.Time) {
	copy(h.room(kept{seq, timestamp, marker, 0}, len(payload), now), payload)
}

// At any steady rate that fits the bound, what was sent within a second is there,
// whole, whatever the sizes and over the wrap of the sequence numbers.
func TestHistoryHoldsASecond(t *testing.T) {
	for _, c := range []struct {
		name        string
		perSecond   int
		size        int
		wantAtLeast int
	}{
		{"1 Mb/s", 104, 1200, 104},
		{"10 Mb/s", 1042, 1200, 1042},
		{"10 Mb/s, odd sizes", 1100, 1163, 1042},
		{"above the bound", 4000, 1200, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newVideoHistory()
			now := time.Unix(1000, 0)
			n := 0
			for ; n < 5*c.perSecond; n++ {
				now = now.Add(time.Second / time.Duration(c.perSecond))
				h.put(uint16(65000+n), uint32(n), n%3 == 0, payloadOf(n, c.size-n%7), now)
			}
			there := 0
			for i := n - 1; i >= 0; i-- {
				p, ok := h.get(uint16(65000+i), now)
				if !ok {
					break
				}
				if !bytes.Equal(p.payload, payloadOf(i, c.size-i%7)) || p.timestamp != uint32(i) || p.marker != (i%3 == 0) {
					t.Fatalf("packet %d came back changed", i)
				}
				there++
			}
			if there < c.wantAtLeast {
				t.Errorf("%d packets there, want %d", there, c.wantAtLeast)
			}
			if len(h.data) > 2<<20 {
				t.Errorf("%d bytes", len(h.data))
			}
		})
	}
}

func TestHistoryGrowsOnlyAsNeeded(t *testing.T) {
	h := newVideoHistory()
	now := time.Unix(1000, 0)
	for n := range 1000 {
		now = now.Add(20 * time.Millisecond)
		h.put(uint16(n), 0, false, make([]byte, 1200), now)
	}
	if len(h.data) != 128<<10 {
		t.Errorf("%d bytes for 480 kb/s", len(h.data))
	}
}

func TestHistoryKeepsPacketsAcrossGrowth(t *testing.T) {
	h := newHistory(64, 1024, 4096)
	now := time.Unix(1000, 0)
	for n := range 30 {
		h.put(uint16(n), 0, false, payloadOf(n, 100), now)
	}
	if len(h.data) < 3000 || len(h.data) > 4096 {
		t.Fatalf("%d bytes", len(h.data))
	}
	for n := range 30 {
		p, ok := h.get(uint16(n), now)
		if ok && !bytes.Equal(p.payload, payloadOf(n, 100)) {
			t.Errorf("packet %d changed", n)
		}
		if !ok {
			t.Errorf("packet %d is gone", n)
		}
	}
}

// A camera of 4 Mb/s with large key frames takes little more than its second.
func TestHistoryIsTight(t *testing.T) {
	h := newVideoHistory()
	now := time.Unix(1000, 0)
	n := 0
	for frame := range 500 {
		now = now.Add(40 * time.Millisecond)
		packets := 15
		if frame%50 == 0 {
			packets = 110
		}
		for range packets {
			h.put(uint16(n), uint32(frame), false, payloadOf(n, 1188), now)
			n++
		}
	}
	if second := (24*15 + 110) * 1188; len(h.data) < second || len(h.data) > second*5/4 {
		t.Errorf("%d bytes for a second of %d", len(h.data), second)
	}
	for i := n - 24*15; i < n; i++ {
		if p, ok := h.get(uint16(i), now); !ok || !bytes.Equal(p.payload, payloadOf(i, 1188)) {
			t.Fatalf("packet %d of %d is gone or changed", i, n)
		}
	}
}

func TestHistoryRefuses(t *testing.T) {
	h := newAudioHistory()
	now := time.Unix(1000, 0)
	h.put(7, 1, false, []byte{1, 2}, now)
	h.put(8, 1, false, make([]byte, 1<<20), now) // larger than everything
	h.put(9, 1, false, nil, now)
	if _, ok := h.get(6, now); ok {
		t.Error("a packet that never was")
	}
	if _, ok := h.get(7+256, now); ok {
		t.Error("another packet in the same slot")
	}
	if _, ok := h.get(8, now); ok {
		t.Error("a packet that did not fit")
	}
	if p, ok := h.get(9, now); !ok || len(p.payload) != 0 {
		t.Error("an empty packet is gone")
	}
	if _, ok := h.get(7, now); !ok {
		t.Error("the packet is gone")
	}
	if _, ok := h.get(7, now.Add(resendGap/2)); ok {
		t.Error("sent again twice in a row")
	}
	if _, ok := h.get(7, now.Add(resendGap)); !ok {
		t.Error("not sent a second time after a while")
	}
}

// Many small packets get as many slots as they need, and keep what is there.
func TestHistoryOfSmallPackets(t *testing.T) {
	h := newVideoHistory()
	now := time.Unix(1000, 0)
	const n = 1000 // of 128 bytes, so that all fit the memory that there is
	for i := range n {
		h.put(uint16(65000+i), uint32(i), false, payloadOf(i, 128), now)
	}
	if len(h.slots) != 1024 || len(h.data) != 128<<10 {
		t.Errorf("%d slots, %d bytes", len(h.slots), len(h.data))
	}
	for i := range n {
		if p, ok := h.get(uint16(65000+i), now); !ok || !bytes.Equal(p.payload, payloadOf(i, 128)) {
			t.Fatalf("packet %d is gone or changed", i)
		}
	}
	for i := range 10 * n {
		h.put(uint16(i), uint32(i), false, payloadOf(i, 8), now)
	}
	if len(h.slots) != 2048 {
		t.Errorf("%d slots", len(h.slots))
	}
}
