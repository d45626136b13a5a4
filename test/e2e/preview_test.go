//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// Any camera can be looked at from the status page, also one whose target is down;
// closing it, in whatever way, ends it on the box.
func TestPreview(t *testing.T) {
	server := parts.StartMediaMTX(t)
	gateway := parts.StartGateway(t, "preview", site(nil, "", "",
		entry{name: "gate", url: startCamera(t, camsim.Config{Clip: "720p-main", Audio: "opus"}).URL(), whip: server.WHIP("gate")},
		entry{name: "island", url: startCamera(t, camsim.Config{Clip: "360p-longgop", Faults: camsim.Faults{HonourPLI: true}}).URL(), whip: "http://127.0.0.1:1/whip"},
		entry{name: "car-park", url: "rtsp://127.0.0.1:1/", whip: server.WHIP("car")},
	))
	gateway.WaitLive(30*time.Second, "gate")
	gateway.WaitState(20*time.Second, "island", "reconnecting")
	browser := parts.StartBrowser(t)
	p := &previewPage{t, browser, gateway}
	browser.Resize(1280, 900)
	browser.Open(gateway.Page())
	p.shows("the list", "document.querySelector('[data-camera=gate] [data-preview]')")
	p.witness()

	p.open("gate")
	p.plays()
	p.shows("the sound's button", "document.querySelector('[data-part=sound]').checkVisibility()")
	p.shows("figures", "document.querySelector('[data-part=figures]').textContent.startsWith('1280×720, ')")
	for _, look := range []struct {
		width int
		theme string
	}{{1280, "light"}, {1280, "dark"}, {390, "dark"}, {390, "light"}} {
		p.look("preview", look.width, look.theme)
	}
	browser.Resize(1280, 900)
	p.escape("gate")

	p.open("island")
	p.plays()
	p.shows("no button for sound", "!document.querySelector('[data-part=sound]').checkVisibility()")
	p.shows("the button that closes it", "(document.querySelector('[data-part=close]').click(), true)")
	p.closed("island")

	p.open("island")
	p.plays()
	p.shows("a restart", "(fetch('/api/cameras/island/restart', { method: 'POST' }), true)")
	p.reads("The preview has ended: the camera was restarted")
	p.previews(0)
	p.shows("it tried again", `(document.querySelector('[data-part=again]').checkVisibility()
		&& document.querySelector('[data-part=again]').click(), document.querySelector('[data-part=figures]').textContent !== '')`)
	p.plays()
	p.escape("island")

	p.open("car-park")
	p.reads("The camera is down: ")
	p.look("preview-of-none", 390, "dark")
	browser.Resize(1280, 900)
	p.escape("car-park")

	p.open("gate")
	p.plays()
	browser.Open(gateway.Page() + "login")
	p.previews(0)
}

// Who has the token logs in with it, and sees cameras then.
func TestLogin(t *testing.T) {
	const token = "correct-horse-battery"
	gateway := parts.StartGuardedGateway(t, "login", site(nil, "", "",
		entry{name: "gate", url: startCamera(t, camsim.Config{}).URL(), whip: "http://127.0.0.1:1/whip"}), token)
	browser := parts.StartBrowser(t)
	p := &previewPage{t, browser, gateway}
	browser.Open(gateway.Page())
	p.shows("the login page", "location.pathname === '/login' && document.activeElement.id === 'token'")
	p.look("login", 1280, "light")
	p.look("login", 1280, "dark")
	p.look("login", 390, "dark")
	p.look("login", 390, "light")
	browser.Press("wrong")
	browser.Press("Enter")
	p.shows("that it is wrong", "document.querySelector('[role=alert]').textContent === 'This is not the token.' && document.activeElement.id === 'token'")
	p.look("login-wrong", 390, "dark")
	browser.Press(token)
	browser.Press("Enter")
	p.shows("the page", "document.querySelector('[data-camera=gate] [data-preview]')")
	p.witness()
	gateway.WaitState(20*time.Second, "gate", "reconnecting")
	p.open("gate")
	p.plays()
	p.escape("gate")
	p.shows("the way out", "(document.querySelector('form[action=\"/logout\"] button').click(), true)")
	p.shows("the login page again", "location.pathname === '/login'")
	browser.Open(gateway.Page())
	p.shows("the login page, still", "location.pathname === '/login'")
}

// previewPage is the status page in a browser.
type previewPage struct {
	t       *testing.T
	browser *parts.Browser
	gateway *parts.Gateway
}

func (p *previewPage) shows(what, script string) {
	p.t.Helper()
	parts.Eventually(p.t, 40*time.Second, what, func() error {
		var ok bool
		if err := p.browser.Eval("Promise.resolve(Boolean("+script+"))", &ok); err != nil || !ok {
			return fmt.Errorf("not shown: %v", err)
		}
		return nil
	})
}

// witness has the page's connections noted.
func (p *previewPage) witness() {
	p.t.Helper()
	p.shows("a witness of connections", `(window.pcs = [], window.RTCPeerConnection = class extends RTCPeerConnection {
		constructor(...a) { super(...a); pcs.push(this); } }, true)`)
}

// open presses a camera's button by the keyboard.
func (p *previewPage) open(camera string) {
	p.t.Helper()
	p.shows("the button of "+camera, fmt.Sprintf("(document.querySelector('[data-camera=%q] [data-preview]').focus(), true)", camera))
	p.browser.Press("Enter")
	p.shows("the dialog", "document.getElementById('preview').open && document.querySelector('[data-part=title]').textContent === '"+camera+"'")
}

// plays waits until pictures go on being decoded.
func (p *previewPage) plays() {
	p.t.Helper()
	decoded := func() (n int, err error) {
		err = p.browser.Eval(`pcs.at(-1).getStats().then(r => Math.max(0, ...[...r.values()].map(s => s.framesDecoded || 0)))`, &n)
		return n, err
	}
	first := 0
	for _, least := range []int{1, 20} {
		parts.Eventually(p.t, 40*time.Second, "decoded pictures", func() error {
			n, err := decoded()
			if err == nil && n < first+least {
				err = fmt.Errorf("%d; the page says: %s", n, p.says())
			}
			if err == nil {
				first = n
			}
			return err
		})
	}
	p.shows("no word over the picture", "!document.querySelector('[data-part=said]').checkVisibility()")
	p.previews(1)
}

// reads waits for the beginning of a sentence over the picture.
func (p *previewPage) reads(want string) {
	p.t.Helper()
	parts.Eventually(p.t, 40*time.Second, want, func() error {
		if got := p.says(); !strings.HasPrefix(got, want) {
			return fmt.Errorf("the page says: %s", got)
		}
		return nil
	})
}

// says is what stands over the picture.
func (p *previewPage) says() (text string) {
	if err := p.browser.Eval("Promise.resolve(document.querySelector('[data-part=said]').textContent)", &text); err != nil {
		return err.Error()
	}
	return text
}

// previews waits until the box says that so many are open.
func (p *previewPage) previews(want int) {
	p.t.Helper()
	parts.Eventually(p.t, 30*time.Second, "the number of previews on the box", func() error {
		values, err := p.gateway.Metrics()
		if got := values["rtsp2whip_previews"]; err == nil && got != float64(want) {
			err = fmt.Errorf("%.0f", got)
		}
		return err
	})
}

func (p *previewPage) escape(camera string) {
	p.t.Helper()
	p.browser.Press("Escape")
	p.closed(camera)
}

// closed waits until the dialog has given the keyboard back, and the box its place.
func (p *previewPage) closed(camera string) {
	p.t.Helper()
	p.shows("the keyboard where it was", fmt.Sprintf(`document.querySelector('[data-part=title]').textContent === '' && document.activeElement.matches('[data-camera=%q] [data-preview]')`, camera))
	p.previews(0)
}

// look takes a picture of the page and has its accessibility judged.
func (p *previewPage) look(name string, width int, theme string) {
	p.t.Helper()
	p.browser.Resize(width, 844)
	p.shows("theme "+theme, fmt.Sprintf("(document.documentElement.dataset.theme = %q)", theme))
	name = fmt.Sprintf("%s-%d-%s", name, width, theme)
	for _, fault := range p.browser.Faults() {
		p.t.Errorf("%s: %s", name, fault)
	}
	p.shows("no more than the window's width", "document.documentElement.scrollWidth <= innerWidth")
	shot, err := p.browser.Screenshot()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(parts.ArtifactDir(p.t), name+".png"), shot, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
