package personalities_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim/rawserver"
	"github.com/rtsp2whip/rtsp2whip/internal/site"
)

// overLossyUDP is a camera with a key frame every 2 s, and one whenever it is
// asked, on a way that does these things to so many of a thousand datagrams.
func overLossyUDP(seed, lost, reordered, duplicated int) camsim.Personality {
	return camsim.Personality{
		Name: fmt.Sprint("udp-", seed), Expect: camsim.Plays, Transport: "udp",
		Config: camsim.Config{
			Clip: "1080p-high", Transport: camsim.UDPOnly, Seed: uint64(seed),
			Faults: camsim.Faults{HonourPLI: true, Raw: rawserver.Faults{Lost: lost, Reordered: reordered, Duplicated: duplicated}},
		},
	}
}

// for12s looks on for 12 s, whatever the scale.
var for12s = expectation{lossy: true, watch: time.Duration(float64(12*time.Second) / scale)}

// playAll plays cameras side by side and judges them.
func playAll(t *testing.T, want expectation, cameras ...camsim.Personality) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(cameras))
	var running sync.WaitGroup
	for i, p := range cameras {
		running.Go(func() {
			var err error
			if outcomes[i], err = play(t.Context(), p, want); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for i, p := range cameras {
		for _, err := range judge(p, want, outcomes[i]) {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	return outcomes
}

// TestOneDatagramInAThousand: with a camera that honours key frame requests, nine
// frames of ten arrive where nothing else keeps the machine busy, all of them whole.
func TestOneDatagramInAThousand(t *testing.T) {
	t.Parallel()
	var cameras []camsim.Personality
	for seed := range 8 {
		cameras = append(cameras, overLossyUDP(seed, 1, 3, 2))
	}
	var lost, arrived, sent int
	for _, o := range playAll(t, for12s, cameras...) {
		lost += int(o.status.Lost)
		arrived += o.Pictures
		sent += o.Pictures + o.Skipped // what has only just been sent may be on its way yet
	}
	t.Logf("%d datagrams lost; %d of %d pictures arrived", lost, arrived, sent)
	if lost < 3 {
		t.Errorf("only %d datagrams were lost, which proves nothing", lost)
	}
	if arrived*10 < sent*tenths {
		t.Errorf("%d of %d pictures arrived", arrived, sent)
	}
}

// TestNoMarkerOnTornPictures: however much is lost, no marker closes a picture of
// which anything is missing, whether pictures that refer to lost ones are sent
// (on_loss: pass) or not.
func TestNoMarkerOnTornPictures(t *testing.T) {
	t.Parallel()
	for _, on := range []site.OnLoss{site.OnLossFreeze, site.OnLossPass} {
		want := for12s
		want.watch /= 2
		want.frames = 10
		want.prepare = func(c *site.Camera, _ *camsim.Running) { c.OnLoss = on }
		for _, o := range playAll(t, want, overLossyUDP(1, 30, 50, 20), overLossyUDP(2, 30, 50, 20)) {
			t.Logf("%s: %d datagrams lost; %d of %d pictures arrived", on, o.status.Lost, o.Pictures, o.Sent)
			if o.status.Damaged == 0 {
				t.Errorf("no picture was torn, which proves nothing")
			}
		}
	}
}
