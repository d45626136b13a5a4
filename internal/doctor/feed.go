package doctor

import (
	"errors"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// What is kept of the video before a session is connected is bounded as the
// publisher's is: 512 kB.
const keptBytes = 512 << 10

// outlet is a session to which packets go.
type outlet interface {
	WriteRTP(track int, h *rtp.Header, payload []byte) error
}

// feed takes the repacked video. Until there is a session it keeps what has come since
// the last key frame, so that the far end sees a picture at once.
type feed struct {
	h265 bool

	mu    sync.Mutex
	out   outlet
	kept  []keptPacket
	bytes int
	sent  uint64
}

type keptPacket struct {
	header  rtp.Header
	payload []byte
}

// WriteRTP implements repack.Writer.
func (f *feed) WriteRTP(h *rtp.Header, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.out != nil {
		return f.send(h, payload)
	}
	if f.opens(payload) && (len(f.kept) == 0 || f.kept[len(f.kept)-1].header.Timestamp != h.Timestamp) {
		f.kept, f.bytes = nil, 0
	} else if len(f.kept) == 0 {
		return nil
	}
	if f.bytes += len(payload); f.bytes > keptBytes {
		f.kept, f.bytes = nil, 0
		return nil
	}
	f.kept = append(f.kept, keptPacket{*h, append([]byte(nil), payload...)})
	return nil
}

// opens tells the packet that begins a key frame: parameter sets come right before.
func (f *feed) opens(payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	if f.h265 {
		t := payload[0] >> 1 & 0x3f
		return t == 48 || t == 32 // AP, VPS
	}
	t := payload[0] & 0x1f
	return t == 24 || t == 7 // STAP-A, SPS
}

func (f *feed) send(h *rtp.Header, payload []byte) error {
	err := f.out.WriteRTP(0, h, payload)
	if err == nil {
		f.sent++
	}
	return err
}

// attach gives the feed a session, which gets what is kept first, its access units a
// millisecond apart: with their true times a receiver would take the burst for delay.
func (f *feed) attach(out outlet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = out
	units, last := uint32(0), uint32(0)
	for i, p := range f.kept {
		if i == 0 || p.header.Timestamp != last {
			units++
		}
		last = p.header.Timestamp
	}
	at, before := uint32(0), uint32(0)
	for i, p := range f.kept {
		if i == 0 || p.header.Timestamp != before {
			at++
		}
		before = p.header.Timestamp
		p.header.Timestamp = last - (units-at)*90
		if f.send(&p.header, p.payload) != nil {
			break
		}
		if i%16 == 15 {
			time.Sleep(2 * time.Millisecond) // receivers' buffers hold only so much
		}
	}
	f.kept = nil
}

// detach takes the session away again.
func (f *feed) detach() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = nowhere{}
}

// nowhere takes what comes when the far end has seen enough.
type nowhere struct{}

func (nowhere) WriteRTP(int, *rtp.Header, []byte) error { return nil }

// packets is how many were sent.
func (f *feed) packets() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

var errNoPicture = errors.New("no picture to send")
