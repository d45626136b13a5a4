package publisher

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"
)

// Tap is somebody on this machine who looks at a camera: it is handed what was
// repacked, whether or not a session takes it.
type Tap interface {
	// WriteRTP takes a packet of the track with this codec. start tells of video
	// that a decoder can begin with it. It is called on the packet path, for one track at a time: it
	// never waits, and keeps neither header nor payload.
	WriteRTP(codec string, start bool, h *rtp.Header, payload []byte)
	// Ended is called once when the publisher has ended. It does not wait either, and
	// calls nothing of the publisher's.
	Ended()
}

// Tapped is what a Tap gets to know, and can do.
type Tapped struct {
	Video          string // codec
	ProfileLevelID string // of the video, "" while unknown
	Audio          string // codec, "" for none
	KeyFrame       func() // asks the camera for a key frame, as a viewer would; it does not wait
	Remove         func() // after it the Tap gets no packets but those already on their way
}

// Tap hands t the camera's packets from now on. It returns false while the camera does
// not play, and when the publisher has ended.
func (p *Publisher) Tap(t Tap) (Tapped, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.source == nil || !p.taps.add(t) {
		return Tapped{}, false
	}
	out := Tapped{Video: p.cfg.Codec, KeyFrame: p.wantKeyFrame, Remove: func() { p.taps.remove(t) }}
	if p.video != nil {
		out.ProfileLevelID = p.video.video.Stats().ProfileLevelID
	}
	if p.camera.phase == phaseUp {
		out.Audio = p.status.Audio
	}
	return out, true
}

// taps are those of one publisher. Without any they cost the packet path an atomic load.
type taps struct {
	now atomic.Pointer[[]Tap] // nil: nobody looks; copied on change

	mu    sync.Mutex
	ended bool
}

func (t *taps) add(tap Tap) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	var next []Tap
	if old := t.now.Load(); old != nil {
		next = slices.Clone(*old)
	}
	next = append(next, tap)
	t.now.Store(&next)
	return true
}

func (t *taps) remove(tap Tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.now.Load()
	if old == nil {
		return
	}
	next := slices.DeleteFunc(slices.Clone(*old), func(o Tap) bool { return o == tap })
	if len(next) == 0 {
		t.now.Store(nil)
		return
	}
	t.now.Store(&next)
}

// end tells all of them that the publisher has ended, and takes no more.
func (t *taps) end() {
	t.mu.Lock()
	t.ended = true
	old := t.now.Swap(nil)
	t.mu.Unlock()
	if old == nil {
		return
	}
	for _, tap := range *old {
		tap.Ended()
	}
}

// write hands a packet to whoever looks.
func (t *taps) write(codec string, h *rtp.Header, payload []byte) {
	if now := t.now.Load(); now != nil {
		tell(*now, codec, h, payload)
	}
}

func tell(taps []Tap, codec string, h *rtp.Header, payload []byte) {
	start := startsKeyFrame(codec, payload)
	for _, tap := range taps {
		tap.WriteRTP(codec, start, h, payload)
	}
}
