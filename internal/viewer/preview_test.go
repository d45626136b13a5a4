package viewer

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// filmed is a camera that plays a clip to its sinks, and starts it again when a key
// frame is asked for.
type filmed struct {
	video, audio string // codecs
	rewind       atomic.Bool
	asked        atomic.Int64

	mu    sync.Mutex
	sinks map[Sink]bool
}

var errNoSuch = errors.New("no such camera")

func (f *filmed) tap(camera string, to Sink) (Tapped, error) {
	if camera != "gate" {
		return Tapped{}, errNoSuch
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sinks[to] = true
	return Tapped{
		Video: f.video, ProfileLevelID: "42c01e", Audio: f.audio,
		KeyFrame: func() { f.asked.Add(1); f.rewind.Store(true) },
		Remove: func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.sinks, to)
		},
	}, nil
}

func (f *filmed) tapped() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sinks)
}

// end is what a publisher does that ends.
func (f *filmed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sinks {
		s.Ended()
	}
	clear(f.sinks)
}

func (f *filmed) write(codec string, start bool, p *rtp.Packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sinks {
		s.WriteRTP(codec, start, &p.Header, p.Payload)
	}
}

// play plays until ctx ends. Nobody gets the first key frame without asking for it.
func (f *filmed) play(ctx context.Context, t *testing.T) {
	clip, sound := clipOf(t, "360p-baseline"), soundOf(t, "opus")
	packets := rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), 90000)
	tick := time.NewTicker(time.Second / time.Duration(clip.FPS))
	defer tick.Stop()
	for i, n := 1, uint16(0); ; i, n = i%(len(clip.AccessUnits)-1)+1, n+1 {
		if f.rewind.Swap(false) {
			i = 0
		}
		var unit []byte
		for _, nalu := range clip.AccessUnits[i] {
			unit = append(append(unit, 0, 0, 0, 1), nalu...)
		}
		for _, pkt := range packets.Packetize(unit, uint32(90000/clip.FPS)) {
			f.write(f.video, pkt.Payload[0]&0x1f == naluSTAPA, pkt)
		}
		f.write(codecOpus, true, &rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n) * 1920},
			Payload: sound.Packets[int(n)%len(sound.Packets)],
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// previewsOf starts previews of a camera that plays.
func previewsOf(t *testing.T, f *filmed, life time.Duration) *Previews {
	t.Helper()
	f.sinks = make(map[Sink]bool)
	p := NewPreviews(PreviewConfig{Tap: f.tap, Life: life})
	ctx, cancel := context.WithCancel(context.Background())
	var playing sync.WaitGroup
	playing.Go(func() { f.play(ctx, t) })
	t.Cleanup(func() {
		p.Close()
		cancel()
		playing.Wait()
		if n := f.tapped(); n != 0 {
			t.Errorf("%d taps are left", n)
		}
	})
	return p
}

// look opens a preview and returns its player and its ID.
func look(t *testing.T, p *Previews, kinds ...webrtc.RTPCodecType) (*testPlayer, string) {
	t.Helper()
	player := newTestPlayer(t, kinds...)
	id, answer, err := p.Open(t.Context(), "gate", offerOf(t, player.pc), loopback)
	if err != nil {
		t.Fatal(err)
	}
	player.answer = answer
	if err := player.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	return player, id
}

func noneOpen(t *testing.T, p *Previews) {
	t.Helper()
	eventually(t, "no preview is open", func() bool { open, _ := p.Stats(); return open == 0 })
}

func TestPreviewPlays(t *testing.T) {
	f := &filmed{video: codecH264, audio: codecOpus}
	p := previewsOf(t, f, 0)
	player, id := look(t, p, video, audio)
	eventually(t, "picture and sound", player.look(func(v, a *received) bool {
		return v.pics.keyFrames >= 1 && v.pics.frames >= 20 && a.packets >= 20
	}))
	if f.asked.Load() == 0 {
		t.Error("no key frame was asked for")
	}
	player.look(func(v, a *received) bool {
		if typ := v.first[0] & 0x1f; typ != naluSTAPA || v.gaps+v.back+a.gaps+a.back > 0 || v.codec != webrtc.MimeTypeH264 || a.codec != webrtc.MimeTypeOpus {
			t.Errorf("first NAL unit %d, %d and %d gaps, %d and %d steps back, %s, %s", typ, v.gaps, a.gaps, v.back, a.back, v.codec, a.codec)
		}
		return true
	})()
	asked := f.asked.Load()
	player.askKeyFrame(t)
	eventually(t, "the browser's wish at the camera", func() bool { return f.asked.Load() > asked })
	if p.End(t.Context(), "yard", id) || p.End(t.Context(), "gate", "none") {
		t.Error("what is not there was ended")
	}
	if !p.End(t.Context(), "gate", id) {
		t.Error("it cannot be ended")
	}
	if open, dropped := p.Stats(); open != 0 || dropped != 0 || f.tapped() != 0 {
		t.Errorf("after the end: %d open, %d dropped, %d taps", open, dropped, f.tapped())
	}
	receive(t, "the end at the browser", player.closed)
}

// Sound that is not Opus is left out, and so is what the browser does not ask for.
func TestPreviewWithoutSound(t *testing.T) {
	for name, c := range map[string]struct {
		audio string
		kinds []webrtc.RTPCodecType
	}{
		"of another codec":  {"PCMU", []webrtc.RTPCodecType{video, audio}},
		"before the video":  {"PCMU", []webrtc.RTPCodecType{audio, video}},
		"not asked for":     {codecOpus, []webrtc.RTPCodecType{video}},
		"that is not there": {"", []webrtc.RTPCodecType{video, audio}},
	} {
		t.Run(name, func(t *testing.T) {
			p := previewsOf(t, &filmed{video: codecH264, audio: c.audio}, 0)
			player, _ := look(t, p, c.kinds...)
			eventually(t, "a picture", player.look(func(v, _ *received) bool { return v.pics.frames >= 5 }))
			player.look(func(_, a *received) bool {
				if a.packets > 0 {
					t.Errorf("%d packets of sound", a.packets)
				}
				return true
			})()
			if offered := len(c.kinds) > 1; offered != strings.Contains(player.answer, "\nm=audio 0 ") {
				t.Errorf("the answer: %s", player.answer)
			}
		})
	}
}

// H.265 goes to who can play it, and is refused to who cannot.
func TestPreviewOfH265(t *testing.T) {
	p := previewsOf(t, &filmed{video: codecH265}, 0)
	pc := newTestPeer(t)
	if _, err := pc.AddTransceiverFromKind(video, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, pc)
	if !strings.Contains(offer, "H265/90000") {
		t.Fatal("the player offers no H.265")
	}
	id, answer, err := p.Open(t.Context(), "gate", offer, loopback)
	if err != nil || !strings.Contains(answer, "H265/90000") || strings.Contains(answer, "H264") {
		t.Fatalf("%v, answer %s", err, answer)
	}
	p.End(t.Context(), "gate", id)
	_, _, err = p.Open(t.Context(), "gate", strings.ReplaceAll(offer, "H265", "VP8"), loopback)
	refused(t, "no H.265", err, http.StatusNotAcceptable, "cannot play H.265")
	noneOpen(t, p)
}

func refused(t *testing.T, what string, err error, status int, says string) {
	t.Helper()
	var told interface{ HTTPStatus() int }
	if !errors.As(err, &told) || told.HTTPStatus() != status || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v, want %d with %q", what, err, status, says)
	}
}

func TestPreviewRefusals(t *testing.T) {
	f := &filmed{video: codecH264}
	p := previewsOf(t, f, 0)
	sound := newTestPlayer(t, audio)
	_, _, err := p.Open(t.Context(), "gate", offerOf(t, sound.pc), loopback)
	refused(t, "sound alone", err, http.StatusNotAcceptable, "no video")
	_, _, err = p.Open(t.Context(), "gate", "hello", loopback)
	refused(t, "no SDP", err, http.StatusBadRequest, "no SDP")
	_, _, err = p.Open(t.Context(), "gate", h264Offer, loopback)
	refused(t, "who sends", err, http.StatusBadRequest, "a player receives")
	player := newTestPlayer(t, video)
	offer := offerOf(t, player.pc)
	if _, _, err = p.Open(t.Context(), "none", offer, loopback); !errors.Is(err, errNoSuch) {
		t.Errorf("another camera: %v", err)
	}
	noneOpen(t, p)
	for range MaxPreviews {
		look(t, p, video)
	}
	_, _, err = p.Open(t.Context(), "gate", offer, loopback)
	refused(t, "one too many", err, http.StatusServiceUnavailable, "four previews are open already")
	p.Close()
	_, _, err = p.Open(t.Context(), "gate", offer, loopback)
	refused(t, "too late", err, http.StatusServiceUnavailable, "closing")
	noneOpen(t, p)
}

// A preview ends by itself: when its time is up, when the camera is changed, and when
// the browser is not heard of any more.
func TestPreviewsEnd(t *testing.T) {
	plays := func(player *testPlayer) func() bool {
		return player.look(func(v, _ *received) bool { return v.pics.frames >= 3 })
	}
	t.Run("time", func(t *testing.T) {
		p := previewsOf(t, &filmed{video: codecH264}, 2*time.Second)
		player, _ := look(t, p, video)
		receive(t, "the end at the browser", player.closed)
		noneOpen(t, p)
	})
	t.Run("camera", func(t *testing.T) {
		f := &filmed{video: codecH264}
		p := previewsOf(t, f, 0)
		player, _ := look(t, p, video)
		eventually(t, "a picture", plays(player))
		f.end()
		receive(t, "the end at the browser", player.closed)
		noneOpen(t, p)
	})
	t.Run("browser", func(t *testing.T) {
		p := previewsOf(t, &filmed{video: codecH264}, 0)
		player, _ := look(t, p, video)
		eventually(t, "a picture", plays(player))
		if err := player.pc.Close(); err != nil {
			t.Fatal(err)
		}
		noneOpen(t, p)
	})
}

// The address that a page was opened at is the only one that it is offered.
func TestPreviewCandidates(t *testing.T) {
	p := previewsOf(t, &filmed{video: codecH264}, 0)
	for _, at := range []netip.Addr{loopback, netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("::1"), {}} {
		player := newTestPlayer(t, video)
		id, answer, err := p.Open(t.Context(), "gate", offerOf(t, player.pc), at)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(answer) {
			if strings.HasPrefix(line, "a=candidate:") && !strings.Contains(line, " 127.0.0.1 ") {
				t.Errorf("reached at %s: %s", at, line)
			}
		}
		if !strings.Contains(answer, " 127.0.0.1 ") {
			t.Errorf("reached at %s: no candidate", at)
		}
		p.End(t.Context(), "gate", id)
	}
	player := newTestPlayer(t, video)
	id, answer, err := p.Open(t.Context(), "gate", offerOf(t, player.pc), netip.MustParseAddr("192.0.2.7"))
	if err != nil || strings.Contains(answer, "a=candidate:") {
		t.Errorf("an address that this machine has not: %v, %s", err, answer)
	}
	p.End(t.Context(), "gate", id)
}
