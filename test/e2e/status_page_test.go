//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// The status page shows every camera's state as it changes, without being loaded
// again, in any width and theme, with no serious accessibility fault.
func TestStatusPage(t *testing.T) {
	server := parts.StartMediaMTX(t)
	entryOf := func(name, extra string, cfg camsim.Config) entry {
		return entry{name: name, url: startCamera(t, cfg).URL(), whip: server.WHIP(name), extra: extra}
	}
	gate := startCamera(t, camsim.Config{Audio: "opus"})
	gateway := parts.StartGateway(t, "status", site(nil, "", "",
		entry{name: "gate", url: gate.URL(), whip: server.WHIP("gate")},
		entryOf("loading-dock", "", camsim.Config{}),
		entryOf("yard", "", camsim.Config{}),
		entryOf("server-room", ", username: viewer, password: wrong", camsim.Config{Username: "viewer", Password: "right"}),
		entryOf("roof", ", stall: 2s", camsim.Config{Faults: camsim.Faults{MuteAfter: 100}}),
		entry{name: "car-park", url: "rtsp://127.0.0.1:1/", whip: server.WHIP("car")},
	))
	gateway.WaitLive(30*time.Second, "gate", "loading-dock", "yard")
	gateway.WaitState(20*time.Second, "roof", "stalled")

	browser := parts.StartBrowser(t)
	browser.Resize(1360, 900)
	browser.Open(gateway.Page())
	shows := func(what, script string) {
		t.Helper()
		parts.Eventually(t, 25*time.Second, what, func() error {
			var ok bool
			if err := browser.Eval("Promise.resolve(Boolean("+script+"))", &ok); err != nil || !ok {
				return fmt.Errorf("not shown: %v", err)
			}
			return nil
		})
	}
	row := func(name string) string { return fmt.Sprintf("document.querySelector('[data-camera=%q]')", name) }
	state := func(name, want string) string {
		return row(name) + ".querySelector('.state').textContent === '" + want + "'"
	}

	shows("live cameras", state("gate", "live")+"&&"+state("yard", "live"))
	shows("the reason of a refusal", row("server-room")+".textContent.includes('401')")
	shows("a sparkline", row("gate")+".querySelector('path.line')")
	shows("events", "document.querySelectorAll('.events li').length > 5")
	var foreign []string
	if err := browser.Eval(`Promise.resolve(performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith(location.origin)))`, &foreign); err != nil || len(foreign) > 0 {
		t.Errorf("the page has asked elsewhere: %v %v", foreign, err)
	}

	look := func(name string, width int, theme string) {
		t.Helper()
		browser.Resize(width, 900)
		shows("theme "+theme, fmt.Sprintf(`(document.documentElement.dataset.theme === %q || (document.getElementById("theme").click(), false))`, theme))
		for _, fault := range browser.Faults() {
			t.Errorf("%s: %s", name, fault)
		}
		var wide bool
		if err := browser.Eval("Promise.resolve(document.documentElement.scrollWidth > innerWidth)", &wide); err != nil || wide {
			t.Errorf("%s: wider than the window (%v)", name, err)
		}
		shot, err := browser.FullScreenshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(parts.ArtifactDir(t), name+".png"), shot, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	look("wide-light", 1360, "light")
	look("wide-dark", 1360, "dark")
	look("middle-light", 1220, "light") // the narrowest with a table
	look("narrow-dark", 390, "dark")
	look("narrow-light", 390, "light")
	browser.Resize(1360, 900)

	// What is done and what happens shows without loading the page again; the
	// keyboard stays where it is.
	shows("a mark", "window.mark = true")
	shows("a key frame that is asked for", "("+row("gate")+".querySelector('[data-do=keyframe]').focus(), "+row("gate")+
		".querySelector('[data-do=keyframe]').click(), true)")
	shows("the answer", "document.getElementById('said').textContent === 'gate is asked for a key frame.'")
	gate.Stop()
	shows("a camera that has gone", state("gate", "reconnecting")+"&& window.mark")
	shows("the keyboard where it was", "document.activeElement.dataset.do === 'keyframe'")
	shows("a camera that is found", `(document.getElementById("find").value = "YARD", document.getElementById("find").dispatchEvent(new Event("input")), true)`)
	shows("it alone", row("yard")+".checkVisibility() && !"+row("gate")+".checkVisibility()")

	shows("a restart", "(window.confirm = () => true, "+row("yard")+".querySelector('[data-do=restart]').click(), true)")
	shows("that it was restarted", "document.getElementById('said').textContent === 'yard is restarted.'")
	gateway.WaitLive(20*time.Second, "yard")

	browser.Open(gateway.Page() + "?show=wrong")
	shows("only what is wrong", "!("+row("yard")+") && "+row("server-room"))
}
