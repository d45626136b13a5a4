package doctor

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/ports"
	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// expectation is what a step should have become.
type expectation struct {
	step    string
	outcome Outcome
	words   []string
}

var personalities = []struct {
	name   string
	change func(*Config)
	want   []expectation
}{
	{"digest", nil, []expectation{
		{stepAuth, OK, []string{"Digest"}}, {stepKey, OK, nil}, {stepCodec, OK, []string{"Constrained Baseline"}},
		{stepPicture, OK, []string{"640x360"}}, {stepMarkers, OK, nil}, {stepPace, OK, nil}, {stepLoss, OK, nil}, {stepTeardown, OK, nil},
	}},
	{"plain", nil, []expectation{
		{stepAuth, Warning, []string{"no password", "switch RTSP authentication on"}}, {stepGOP, OK, []string{"every 2 s (50 frames)"}},
	}},
	{"wrong-password", nil, []expectation{
		{stepConnect, OK, nil}, {stepAuth, Failed, []string{"401", "lock accounts"}}, {stepDescribe, NotReached, nil}, {stepTeardown, NotReached, nil},
	}},
	{"rtsps-selfsigned", nil, []expectation{{stepTLS, OK, []string{"pinned"}}, {stepTeardown, OK, nil}}},
	{"rtsps-selfsigned", func(c *Config) { c.Source.TLS = rtspsrc.TLSConfig{} }, []expectation{
		{stepConnect, OK, nil}, {stepTLS, Failed, []string{"x509", "tls.sha256"}}, {stepAuth, NotReached, nil},
	}},
	{"b-frames", nil, []expectation{{stepBFrames, Failed, []string{"Baseline"}}, {stepGOP, OK, nil}}},
	{"b-frames", func(c *Config) { c.DropsBFrames = true }, []expectation{{stepBFrames, Warning, []string{"left out"}}}},
	{"hevc", nil, []expectation{{stepDescribe, OK, nil}, {stepTracks, Failed, []string{"H265"}}, {stepPlay, NotReached, nil}}},
	{"hevc", func(c *Config) { c.Source.VideoCodec = rtspsrc.H265 }, []expectation{{stepCodec, OK, []string{"H.265 Main"}}, {stepPicture, OK, nil}}},
	{"zombie", nil, []expectation{{stepPlay, OK, nil}, {stepPacket, Failed, []string{"no video"}}, {stepKey, NotReached, nil}, {stepTeardown, OK, nil}}},
	{"intra-refresh", nil, []expectation{{stepKey, Failed, []string{"key frame"}}}},
	{"long-gop", nil, []expectation{{stepGOP, Warning, []string{"1 to 2 seconds"}}, {stepAsk, Warning, nil}}},
	{"long-gop-pli", nil, []expectation{{stepAsk, OK, []string{"by pli"}}, {stepGOP, OK, nil}}},
	{"no-marker", nil, []expectation{{stepMarkers, Warning, []string{"none at all"}}}},
	{"marker-on-sps", nil, []expectation{{stepMarkers, Warning, []string{"within frames"}}}},
	{"lossy", nil, []expectation{{stepLoss, Warning, []string{"packets between camera and box"}}}},
	{"pcma", nil, []expectation{{stepAudio, OK, []string{"PCMA, 8000 Hz, mono"}}}},
	{"aac-16k", nil, []expectation{{stepAudio, Warning, []string{"G.711 or Opus"}}}},
	{"silent-audio", nil, []expectation{{stepAudio, Warning, []string{"silent"}}}},
	{"ts-hours-off", nil, []expectation{{stepPace, Warning, []string{"jump"}}}},
	{"udp-only", nil, []expectation{{stepPlay, OK, []string{"UDP"}}, {stepLoss, OK, nil}}},
}

// TestPersonalities plays simulated cameras, all at once: they mostly wait.
func TestPersonalities(t *testing.T) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, p := range personalities {
		all.Go(func() {
			t.Run(p.name, func(t *testing.T) {
				cam := start(t, p.name, func(c *camsim.Config) { c.FromStart = true })
				cfg := of(cam)
				if p.change != nil {
					p.change(&cfg)
				}
				got := run(t, cfg)
				for _, w := range p.want {
					got.expect(t, Camera, w.step, w.outcome, w.words...)
				}
				leaves(t, cam)
			})
		})
	}
}

// leaves waits until the camera has nobody to send to any more: it takes note of a
// TEARDOWN only after it has answered.
func leaves(t *testing.T, cam *camsim.Running) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); cam.Stats().Readers != 0; <-tick.C {
		if time.Now().After(end) {
			t.Errorf("left %d sessions at the camera", cam.Stats().Readers)
			return
		}
	}
}

// TestGolden holds the page that people read to its form.
func TestGolden(t *testing.T) {
	for _, name := range []string{"digest", "wrong-password", "hevc"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, of(start(t, name, func(c *camsim.Config) { c.FromStart = true }))).golden(t, name)
		})
	}
}

// TestOnePassword: cameras lock accounts, so that a wrong one is tried once.
func TestOnePassword(t *testing.T) {
	t.Parallel()
	cam := start(t, "wrong-password", func(c *camsim.Config) { c.Faults.Raw.PlainAVP = true }) // the server that counts
	run(t, of(cam)).expect(t, Camera, stepAuth, Failed)
	d := cam.Stats().Dialog
	if d.Unauthorized != 2 { // the challenge, and the refusal
		t.Errorf("%d times refused", d.Unauthorized)
	}
}

// TestOneSession: there is one session, and it ends with TEARDOWN.
func TestOneSession(t *testing.T) {
	t.Parallel()
	cam := start(t, "one-session", func(c *camsim.Config) { c.Faults.Raw.PlainAVP = true })
	run(t, of(cam)).expect(t, Camera, stepTeardown, OK)
	leaves(t, cam)
	if d := cam.Stats().Dialog; d.Sessions != 1 || d.Teardowns != 1 || d.Refused != 0 {
		t.Errorf("%+v", d)
	}
}

// TestRefusedWebAccount: one refusal is enough for all ways over HTTP.
func TestRefusedWebAccount(t *testing.T) {
	t.Parallel()
	cam := start(t, "long-gop-deaf")
	run(t, of(cam)).expect(t, Camera, stepAsk, Warning)
	if n := cam.WebStats().Refused; n > 2 { // the challenge, and the refusal
		t.Errorf("refused %d times", n)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	address, release, err := ports.Shut("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	got := run(t, Config{Source: rtspsrc.Config{URL: "rtsp://" + address + "/"}})
	got.expect(t, Camera, stepResolve, OK)
	got.expect(t, Camera, stepConnect, Failed, "nothing listens on this port")
	got.expect(t, Camera, stepAuth, NotReached)

	got = run(t, Config{Source: rtspsrc.Config{URL: "rtsp://no-such-camera.invalid/"}})
	got.expect(t, Camera, stepResolve, Failed, "host name")
	got.expect(t, Camera, stepConnect, NotReached)
}

// TestInterrupted: what was not seen for lack of time is not judged, and sessions end
// all the same.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	cam := start(t, "plain")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := printed{Report: Run(ctx, of(cam), func(r Result) {
		if r.Step == stepKey {
			stop()
		}
	})}
	p.expect(t, Camera, stepKey, OK)
	p.expect(t, Camera, stepGOP, NotReached)
	p.expect(t, Camera, stepAsk, NotReached)
	p.expect(t, Camera, stepTeardown, OK)
	leaves(t, cam)
}

// TestGoesAway: a camera that ends the session while it is looked at has failed.
func TestGoesAway(t *testing.T) {
	t.Parallel()
	cam := start(t, "night-reboot", func(c *camsim.Config) {
		c.FromStart = true // with a key frame
		c.Faults.RebootAfter, c.Faults.RebootFor = lookLeast/2, time.Minute
	})
	run(t, of(cam)).expect(t, Camera, stepLoss, Failed)
}

// TestMute: a port that takes connections and says nothing holds nobody up.
func TestMute(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	began := time.Now()
	got := run(t, Config{Source: rtspsrc.Config{URL: "rtsp://" + l.Addr().String() + "/"}})
	got.expect(t, Camera, stepConnect, OK)
	got.expect(t, Camera, stepDescribe, Failed)
	if took := time.Since(began); took > openLimit+8*time.Second {
		t.Errorf("took %s", took)
	}
}
