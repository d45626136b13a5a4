package viewer

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/graceful"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = time.Minute

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// receive waits for a value.
func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("not within %s: %s", patience, what)
		panic("unreachable")
	}
}

// serve starts a Server and returns it with its base URL.
func serve(t *testing.T, cfg Config) (*Server, string) {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		front.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s, front.URL
}

// newTestPeer returns the far end of a session: pion with its own defaults and
// loopback candidates.
func newTestPeer(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	chain := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, chain); err != nil {
		t.Fatal(err)
	}
	var set webrtc.SettingEngine
	set.SetIncludeLoopbackCandidate(true)
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(set))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := graceful.Close(pc); err != nil {
			t.Error(err)
		}
	})
	return pc
}

// offerOf returns the peer's whole offer.
func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	receive(t, "candidates", gathered)
	return pc.LocalDescription().SDP
}

// post sends an offer and returns the response with its body.
func post(t *testing.T, url, token, offer string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(offer))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/sdp")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// negotiate makes a session and returns its URL.
func negotiate(t *testing.T, pc *webrtc.PeerConnection, base, path, token string, change func(string) string) string {
	t.Helper()
	res, answer := post(t, base+path, token, change(offerOf(t, pc)))
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: %s: %s", path, res.Status, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	return base + res.Header.Get("Location")
}

// testPublisher sends a clip over WHIP and starts it again at each PLI.
type testPublisher struct {
	session string // its URL
	plis    atomic.Int64
	closed  chan struct{} // the connection has ended
}

type publishOptions struct {
	clip         string // "none": no video
	audio, token string
}

func publish(t *testing.T, base, name string, opt publishOptions) *testPublisher {
	t.Helper()
	pc := newTestPeer(t)
	p := &testPublisher{closed: make(chan struct{})}
	up := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			close(up)
		case webrtc.PeerConnectionStateClosed, webrtc.PeerConnectionStateFailed:
			once.Do(func() { close(p.closed) })
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	t.Cleanup(func() { cancel(); loops.Wait() }) // runs before the peer closes

	var film *player
	if opt.clip != "none" {
		video := addTrack(t, pc, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000})
		film = &player{clip: clipOf(t, orElse(opt.clip, "360p-baseline")), track: video.track}
		go video.listen(func() {
			p.plis.Add(1)
			film.rewind.Store(true)
		})
	}
	var sound *sending
	if opt.audio != "" {
		sound = addTrack(t, pc, audioCodec(opt.audio))
		go sound.listen(func() {})
	}
	p.session = negotiate(t, pc, base, "/whip/"+name, opt.token, func(offer string) string { return offer })
	receive(t, "the publisher's connection", up)
	if film != nil {
		loops.Go(func() { film.run(ctx) })
	}
	if sound != nil {
		loops.Go(func() { playSound(ctx, sound.track, soundOf(t, opt.audio)) })
	}
	return p
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
