//go:build e2e && full

package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/personalities"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

var update = flag.Bool("update", false, "write what was measured into the pages of docs")

const camerasPage = "../../docs/cameras.md"

// How the same cameras fare that rtsp2whip is tested with (internal/personalities)
// at the same receiver, with the same shortened times, when MediaMTX forwards them.
func TestCamerasThroughMediaMTX(t *testing.T) {
	all := camsim.Personalities()
	var mu sync.Mutex
	results := map[string]string{}
	t.Run("all", func(t *testing.T) {
		for _, p := range all {
			t.Run(p.Name, func(t *testing.T) {
				t.Parallel()
				r := throughMediaMTX(t, p)
				t.Log(r)
				mu.Lock()
				defer mu.Unlock()
				results[p.Name] = r
			})
		}
	})
	if results["plain"] != "played" {
		t.Errorf("a camera that does nothing wrong: %s: this run says nothing", results["plain"])
	}
	if !*update || t.Failed() {
		return
	}
	table, err := personalities.ReadTable(camerasPage)
	if err != nil {
		t.Fatal(err)
	}
	for name, result := range results {
		if row := table.Row(name); row != nil {
			row.Peer = result
		}
	}
	if err := table.Write(camerasPage); err != nil {
		t.Fatal(err)
	}
}

// throughMediaMTX plays one camera and says what became of it.
func throughMediaMTX(t *testing.T, p camsim.Personality) string {
	receiver := personalities.NewReceiver(false)
	cam, err := p.Start(camsim.TimeScale(0.1), func(c *camsim.Config) {
		c.OnAccessUnit = receiver.Sent
		// As for rtsp2whip: less is too short for anybody on a busy machine.
		switch p.Config.Faults.Raw.Timeout {
		case time.Minute:
			c.Faults.Raw.Timeout = 14 * time.Second
		case 20 * time.Second:
			c.Faults.Raw.Timeout = 6 * time.Second
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cam.Stop)
	server := whiptest.NewServer(t, whiptest.Config{OnRTP: receiver.RTP, Link: p.Link, Patch: whiptest.Patch{Trickle: true}, Script: options})
	u, err := url.Parse(cam.URL())
	if err != nil {
		t.Fatal(err)
	}
	if user, password := cam.Credentials(); user != "" {
		u.User = url.UserPassword(user, password)
	}
	// Over UDP where the oddity wants it, else over TCP as rtsp2whip does.
	transport := "tcp"
	if p.Transport == "udp" || p.Config.Transport == camsim.UDPOnly {
		transport = "automatic"
	}
	mtx := parts.StartForward(t, parts.Forward{
		Camera: u.String(), Fingerprint: cam.Fingerprint(), Transport: transport, WHIP: server.URL(),
	})
	f := p.Config.Faults
	over := 15 * time.Second // three attempts
	if f.RebootAfter+f.Raw.Timeout+f.Raw.OldMedia+f.Raw.TimestampReset > 0 || strings.HasPrefix(p.Config.Clip, "360p-longgop") {
		over = 35 * time.Second
	}
	parts.Pause(over)
	crashed, err := mtx.Crashed()
	switch {
	case err != nil:
		t.Fatal(err)
	case crashed:
		return "crashed"
	}
	video := cam.Tracks()[0]
	return judged(p, fmt.Sprintf("%dx%d", video.Width, video.Height), receiver.Report(), mtx.Output())
}

// options answers what MediaMTX asks first, for ICE servers (RFC 9725 section 4.6).
func options(r whiptest.Request) *whiptest.Reply {
	if r.Method != http.MethodOptions {
		return nil
	}
	return &whiptest.Reply{Status: http.StatusNoContent}
}

// judged says in a few words what arrived. size is that of the right video.
func judged(p camsim.Personality, size string, r personalities.Report, log string) string {
	f := p.Config.Faults
	switch {
	case r.Pictures == 0 && len(r.Faults) == 0:
		return "failed: no picture" + lastWords(log)
	case r.Pictures < 10:
		return fmt.Sprintf("failed: %d pictures", r.Pictures) + strings.Join(append([]string{""}, r.Faults...), "; ") + lastWords(log)
	case time.Since(r.Last) > 3*time.Second:
		return "failed: played, then stopped" + lastWords(log)
	}
	but := r.Faults
	add := func(bad bool, format string, args ...any) {
		if bad {
			but = append(but, fmt.Sprintf(format, args...))
		}
	}
	goes := f.RebootAfter+f.Raw.OldMedia > 0 || f.Raw.SilentUDP || f.Raw.SecondClip != ""
	sound := slices.Contains([]string{"pcma", "pcmu", "opus"}, p.Config.Audio) && !f.SilentAudio
	add(r.Skipped > 0 && !goes, "%d of %d pictures missing", r.Skipped, r.Sent)
	add(r.Unclosed > 0 && f.DropEvery == 0 && f.Raw.Lost == 0, "%d access units without an end", r.Unclosed)
	add(r.Ahead > 3*time.Second, "timestamps up to %.0f s ahead", r.Ahead.Seconds())
	add(r.Behind > 15*time.Second, "timestamps up to %.0f s behind", r.Behind.Seconds())
	add(!slices.Contains(r.Sizes, size), "the wrong video, of %s", strings.Join(r.Sizes, " and "))
	add(sound && r.Audio == 0, "no sound")
	add(p.Config.Audio == "opus" && r.AudioUneven > r.Audio/50, "uneven sound")
	switch {
	case len(but) == 0:
		return "played"
	case len(r.Faults) > 0 && r.Skipped*5 > r.Sent:
		return "failed: " + strings.Join(but, "; ")
	}
	return "played, but " + strings.Join(but, "; ")
}

var (
	complaint = regexp.MustCompile(`(?:ERR|WAR) (\[path camera\].*)`)
	tags      = regexp.MustCompile(`\[[^\]]*\] ?`)
	numbers   = regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`)
)

// lastWords is what MediaMTX says of a failure.
func lastWords(log string) string {
	found := complaint.FindAllStringSubmatch(log, -1)
	if len(found) == 0 {
		return ""
	}
	said := tags.ReplaceAllString(found[len(found)-1][1], "")
	return " (*" + numbers.ReplaceAllString(said, "CAMERA") + "*)"
}
