//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// The installer's line needs no file: it publishes a camera, prints a link, and
// with what is in the link a browser sees the picture.
func TestPublishPrintsLinkThatWorks(t *testing.T) {
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{Audio: "opus"})
	publish := parts.Run(t, parts.Command{
		Name:  "publish",
		Path:  parts.Binary(t),
		Args:  []string{"publish", camera.URL(), "--livekit", lk.URL(), "--room", "yard", "--via", "server", "--name", "cam"},
		Env:   []string{"LIVEKIT_API_KEY=" + lk.Key, "LIVEKIT_API_SECRET=" + lk.Secret},
		Grace: 5 * time.Second,
	})
	link := waitLink(t, publish)
	browser := parts.StartBrowser(t)
	browser.WatchWith(link.Get("liveKitUrl"), link.Get("token"))
	waitPictures(t, browser, 20*time.Second, map[string]*camsim.Camera{"cam": camera})
	checkAudio(t, browser, "cam", "audio/opus")
	if took, byItself := publish.Terminate(10 * time.Second); !byItself || took > parts.Soon(5*time.Second) || publish.ExitCode() != 0 {
		t.Errorf("after SIGTERM: ended by itself: %t, after %s, exit code %d", byItself, took, publish.ExitCode())
	}
}

// waitLink waits for the link to a picture and returns its parameters.
func waitLink(t testing.TB, p *parts.Process) url.Values {
	t.Helper()
	var link *url.URL
	parts.Eventually(t, 20*time.Second, "a link is printed", func() (err error) {
		text := regexp.MustCompile(`https://\S+token=\S+`).FindString(p.Output())
		if text == "" {
			return errors.Join(errors.New("none yet"), p.Alive())
		}
		link, err = url.Parse(text)
		return err
	})
	return link.Query()
}

// A camera that stays away longer than `hold` leaves the room, and so does its
// frozen picture; it comes back when the camera does.
func TestCameraLeavesRoomAfterHold(t *testing.T) {
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{})
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "server", "yard",
		entry{name: "cam", url: camera.URL(), extra: ", hold: 2s"}))
	gateway.WaitLive(20*time.Second, "cam")
	viewer := lk.Subscribe(t, "yard")
	parts.Eventually(t, 15*time.Second, "video", func() error { return viewer.FlowsSince("cam", time.Time{}) })

	camera.Stop()
	took := parts.Eventually(t, 8*time.Second, "the participant leaves", func() error { return present(lk, "yard", "cam", false) })
	if took < time.Second {
		t.Errorf("the participant left after %s already, want to see it held for 2 s", took)
	}
	if err := camera.Restart(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	parts.Eventually(t, 15*time.Second, "video again", func() error { return viewer.FlowsSince("cam", back) })
}

// present returns nil if a participant is in the room, or is not, as wanted.
func present(lk *parts.LiveKit, room, identity string, want bool) error {
	all, err := lk.Participants(context.Background(), room)
	if err != nil {
		return err
	}
	found := false
	for _, p := range all {
		found = found || p.Identity == identity
	}
	if found != want {
		return fmt.Errorf("%s in room %s: %t", identity, room, found)
	}
	return nil
}
