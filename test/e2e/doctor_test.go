//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// The doctor finds nothing wrong with a chain that works, by each way into LiveKit,
// and leaves nothing behind there.
func TestDoctor(t *testing.T) {
	lk, _ := parts.StartLiveKitWithIngress(t)
	camera := startCamera(t, camsim.Config{Audio: "opus"})
	for _, via := range []string{"ingress", "server", "sdk"} {
		t.Run(via, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, parts.Binary(t), "doctor", "--json", camera.URL(),
				"--livekit", lk.URL(), "--room", "doctor-"+via, "--via", via)
			cmd.Env = append(os.Environ(), "LIVEKIT_API_KEY="+lk.Key, "LIVEKIT_API_SECRET="+lk.Secret)
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			var report struct {
				OK      bool
				Results []struct{ Step, Outcome, Text string }
			}
			if err := json.Unmarshal(out, &report); err != nil || !report.OK || len(report.Results) < 30 {
				t.Errorf("%v: %s", err, out)
			}
			left, err := lk.Ingresses(t.Context(), "")
			if err != nil || len(left) != 0 {
				t.Errorf("%v, left %v", err, left)
			}
			parts.Eventually(t, 30*time.Second, "an empty room", func() error {
				who, err := lk.Participants(t.Context(), "doctor-"+via)
				if err == nil && len(who) > 0 {
					err = fmt.Errorf("%d are in it", len(who))
				}
				return err
			})
		})
	}
}
