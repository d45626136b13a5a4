package publisher

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

var (
	testSPS = []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48}
	testPPS = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

// fakeCamera plays a stream of tiny access units at 25 frames a second in the
// time of its test (virtual inside a synctest bubble).
type fakeCamera struct {
	mu       sync.Mutex
	openErr  error // every Open fails with it
	tracks   []Track
	ignored  []string
	silent   map[int]bool // tracks that never send
	inBand   bool         // parameter sets in band
	gop      int          // access units from key frame to key frame
	sessions []*fakeCameraSession
	opens    atomic.Int32
	skip     atomic.Bool                          // the next sequence number is left out, as if lost
	deaf     bool                                 // no key frame when asked
	quiet    atomic.Bool                          // nothing is sent
	panics   bool                                 // the third packet makes the packet path panic
	late     time.Duration                        // by how much its pictures come later than its sounds
	clock    func(n int) time.Duration            // what its clock is off, by the report's number; nil: it has none
	plays    func(n int) (au [][]byte, shift int) // in place of access units made here
}

func videoOnly() *fakeCamera {
	return &fakeCamera{inBand: true, gop: 50, silent: map[int]bool{},
		tracks: []Track{{ID: 0, Kind: Video, Codec: CodecH264, ClockRate: 90000}}}
}

func (c *fakeCamera) Open(ctx context.Context) (SourceSession, error) {
	c.opens.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.openErr != nil {
		return nil, c.openErr
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &fakeCameraSession{camera: c, done: make(chan struct{}), quit: make(chan struct{})}
	c.sessions = append(c.sessions, s)
	return s, nil
}

func (c *fakeCamera) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.openErr = err
}

func (c *fakeCamera) last() *fakeCameraSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sessions) == 0 {
		return nil
	}
	return c.sessions[len(c.sessions)-1]
}

type fakeCameraSession struct {
	camera    *fakeCamera
	wg        sync.WaitGroup
	quit      chan struct{}
	done      chan struct{}
	lost      sync.Once
	err       error
	closed    atomic.Int32
	keyFrames atomic.Int32 // requests
	idrNow    atomic.Bool
	reports   atomic.Int32
	newest    [4]atomic.Pointer[sentPacket] // by track
}

func (s *fakeCameraSession) Tracks() []Track       { return s.camera.tracks }
func (s *fakeCameraSession) Ignored() []string     { return s.camera.ignored }
func (s *fakeCameraSession) Done() <-chan struct{} { return s.done }
func (s *fakeCameraSession) Err() error            { return s.err }

// SenderTime goes by the newest packet of the track, which has come just now.
func (s *fakeCameraSession) SenderTime(id int) (at time.Time, rtp uint32, ok bool) {
	if s.camera.clock == nil {
		return time.Time{}, 0, false
	}
	n := int(s.reports.Add(1))
	p := s.newest[id].Load()
	if p == nil {
		return time.Time{}, 0, false
	}
	at = p.at.Add(s.camera.clock(n))
	if id == 0 {
		at = at.Add(-s.camera.late)
	}
	return at, p.header.Timestamp, true
}

func (s *fakeCameraSession) RequestKeyFrame() error {
	s.keyFrames.Add(1)
	s.idrNow.Store(!s.camera.deaf)
	return nil
}

func (s *fakeCameraSession) Play(_ context.Context, tracks []Track, h Handler) error {
	s.wg.Go(func() { s.send(tracks, h) })
	return nil
}

func (s *fakeCameraSession) send(tracks []Track, h Handler) {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	var seq uint16 = 1000
	for n := 0; ; n++ {
		select {
		case <-s.quit:
			return
		case <-s.done:
			return
		case <-tick.C:
		}
		for _, t := range tracks {
			if s.camera.silent[t.ID] || s.camera.quiet.Load() {
				continue
			}
			for _, pkt := range s.packets(t, n, &seq) {
				if pkt != nil {
					s.newest[t.ID].Store(&sentPacket{header: pkt.Header, at: time.Now()})
				}
				h(t.ID, pkt, time.Now())
			}
		}
	}
}

// packets makes the RTP of one tick: an access unit, or 40 ms of audio.
func (s *fakeCameraSession) packets(t Track, n int, seq *uint16) []*rtp.Packet {
	if t.Kind == Audio {
		return []*rtp.Packet{{Header: rtp.Header{Version: 2, PayloadType: 0, SequenceNumber: uint16(n), Timestamp: uint32(n * 320)},
			Payload: make([]byte, 320)}}
	}
	if s.camera.plays != nil {
		au, shift := s.camera.plays(n)
		return s.number(au, n+shift, seq)
	}
	slice := []byte{0x41, 0x9a, 0x24, byte(n), byte(n >> 8), 0x55}
	var units [][]byte
	if s.idrNow.Swap(false) || n%s.camera.gop == 0 {
		slice = []byte{0x65, 0x88, 0x84, byte(n), byte(n >> 8), 0x55}
		if s.camera.inBand {
			units = append(units, testSPS, testPPS)
		}
	}
	units = append(units, slice)
	if s.camera.skip.Swap(false) {
		*seq++
	}
	out := s.number(units, n, seq)
	if s.camera.panics && n == 2 {
		out = append(out, nil)
	}
	return out
}

func (s *fakeCameraSession) number(units [][]byte, n int, seq *uint16) []*rtp.Packet {
	var out []*rtp.Packet
	for i, u := range units {
		out = append(out, &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: *seq,
			Timestamp: uint32(n * 3600), Marker: i == len(units)-1}, Payload: u})
		*seq++
	}
	return out
}

func (s *fakeCameraSession) lose(err error) {
	s.lost.Do(func() { s.err = err; close(s.done) })
}

func (s *fakeCameraSession) Close() error {
	if s.closed.Add(1) == 1 {
		close(s.quit)
	}
	s.wg.Wait()
	return nil
}

// fakeTarget takes every session and keeps what it was sent.
type fakeTarget struct {
	mu       sync.Mutex
	err      error
	audio    map[string][]string
	offers   [][]Offer
	sessions []*fakeSession
	tries    atomic.Int32

	closeTakes time.Duration
	allowed    float64        // bits a second
	lost       func() float64 // the share of the packets that the far end misses
}

func (t *fakeTarget) String() string { return "a target" }

func (t *fakeTarget) AudioCodecs(codec string) []string { return t.audio[codec] }

func (t *fakeTarget) Publish(ctx context.Context, offers []Offer, onKeyFrame func()) (TargetSession, error) {
	t.tries.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return nil, t.err
	}
	s := &fakeSession{offers: offers, done: make(chan struct{}), onKeyFrame: onKeyFrame, began: time.Now(), closeTakes: t.closeTakes, allowed: t.allowed, missed: t.lost}
	t.offers = append(t.offers, offers)
	t.sessions = append(t.sessions, s)
	return s, nil
}

func (t *fakeTarget) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

func (t *fakeTarget) all() []*fakeSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*fakeSession(nil), t.sessions...)
}

type sentPacket struct {
	header rtp.Header
	first  byte // of the payload
	at     time.Time
}

type fakeSession struct {
	offers     []Offer
	onKeyFrame func()
	began      time.Time
	done       chan struct{}
	lost       sync.Once
	err        error
	closed     atomic.Int32
	closeTakes time.Duration
	flushes    atomic.Int32
	allowed    float64
	missed     func() float64  // nil: nothing is
	delays     [4]atomic.Int64 // as SetDelay has them

	mu   sync.Mutex
	sent map[int][]sentPacket
}

func (s *fakeSession) Codec(i int) string    { return s.offers[i].Codecs[0] }
func (s *fakeSession) Done() <-chan struct{} { return s.done }
func (s *fakeSession) Err() error            { return s.err }

func (s *fakeSession) Stats() TargetStats {
	st := TargetStats{Nacked: 2, KeyFramesWant: 1, Path: "udp", PathType: "host", Retransmitted: 2, Restarts: 1,
		AllowedRate: s.allowed, Pacing: PacingStats{Rate: 7e6, Delayed: 10, Hastened: 3, Discarded: 1}}
	s.mu.Lock()
	for _, sent := range s.sent {
		st.Sent += uint64(len(sent))
	}
	s.mu.Unlock()
	if s.missed != nil {
		st.FractionLost, st.Reported = s.missed(), time.Now()
	}
	return st
}

func (s *fakeSession) WriteRTP(track int, h *rtp.Header, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent == nil {
		s.sent = make(map[int][]sentPacket)
	}
	p := sentPacket{header: *h, at: time.Now()}
	if len(payload) > 0 {
		p.first = payload[0]
	}
	s.sent[track] = append(s.sent[track], p)
	return nil
}

func (s *fakeSession) SetDelay(track int, d time.Duration) { s.delays[track].Store(int64(d)) }

func (s *fakeSession) Flush() { s.flushes.Add(1) }

func (s *fakeSession) packets(track int) []sentPacket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sentPacket(nil), s.sent[track]...)
}

func (s *fakeSession) lose(err error) {
	s.lost.Do(func() { s.err = err; close(s.done) })
}

func (s *fakeSession) Close(ctx context.Context) error {
	s.closed.Add(1)
	time.Sleep(s.closeTakes)
	if ctx.Err() != nil {
		return errors.New("closed with an ended context")
	}
	return nil
}

// wrongPassword is an error as a source makes them.
type wrongPassword struct{}

func (wrongPassword) Error() string { return "DESCRIBE rtsp://camera/: 401 Unauthorized" }
func (wrongPassword) Hint() string  { return "check user name and password" }
func (wrongPassword) Slow() bool    { return true }

// silence is the error of a camera that answers and sends nothing.
type silence struct{}

func (silence) Error() string { return "no frame for 5s" }
func (silence) Stalled() bool { return true }
