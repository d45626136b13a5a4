package parts

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Browser is a headless Chromium with one page.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// StartBrowser starts Chromium, able to play media from loopback addresses.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	path := installed(t, "chromium", "chromium-browser", "google-chrome")
	log, err := os.Create(filepath.Join(ArtifactDir(t), "chromium.log"))
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // Chromium refuses to run as root with it
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns,Translate"),
		chromedp.CombinedOutput(log),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		stop()
		stopAllocator()
		_ = log.Close()
	})
	if _, err := chromedp.Run(ctx, chromedp.Location()); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &Browser{t: t, ctx: ctx}
}

// run runs a browser action within limit.
func run[T any](b *Browser, limit time.Duration, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// Open loads a page.
func (b *Browser) Open(address string) {
	b.t.Helper()
	if _, err := run(b, 60*time.Second, chromedp.Navigate(address)); err != nil {
		b.t.Fatalf("open page: %v", err)
	}
}

// AllowMedia lets pages of an origin use all network interfaces for WebRTC, as those
// may that were given a camera.
func (b *Browser) AllowMedia(origin string) {
	b.t.Helper()
	for _, name := range []string{"camera", "microphone"} {
		_, err := run(b, time.Minute, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, browser.SetPermission, browser.SetPermissionParams{
				Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted, Origin: origin,
			})
			return err
		}))
		if err != nil {
			b.t.Fatalf("allow a page the %s: %v", name, err)
		}
	}
}

// Press presses a key, "Enter" or "Escape", or types a word.
func (b *Browser) Press(key string) {
	b.t.Helper()
	if special, ok := map[string]string{"Enter": kb.Enter, "Escape": kb.Escape}[key]; ok {
		key = special
	}
	if _, err := run(b, time.Minute, chromedp.KeyEvent(key)); err != nil {
		b.t.Fatalf("press a key: %v", err)
	}
}

// Eval runs a script in the page, waits for its promise and reads its value.
func (b *Browser) Eval(script string, into any) error {
	value, err := run(b, time.Minute, chromedp.Evaluate[[]byte](script, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	return json.Unmarshal(value, into)
}

// Screenshot returns a PNG of the page as it is on the screen.
func (b *Browser) Screenshot() ([]byte, error) {
	return run(b, time.Minute, chromedp.CaptureScreenshot())
}

// FullScreenshot returns a PNG of the whole page, however long.
func (b *Browser) FullScreenshot() ([]byte, error) {
	return run(b, time.Minute, chromedp.FullScreenshot(100))
}

// Resize makes the page as large, in CSS pixels.
func (b *Browser) Resize(width, height int) {
	b.t.Helper()
	if _, err := run(b, time.Minute, chromedp.EmulateViewport(int64(width), int64(height))); err != nil {
		b.t.Fatalf("resize page: %v", err)
	}
}

// Faults asks axe-core for what keeps people from using the page: rules that are
// broken seriously or critically, each with the first element that does.
func (b *Browser) Faults() []string {
	b.t.Helper()
	axe, err := os.ReadFile(cached(b.t, "js", "axe-core-"+version(b.t, "AXE_CORE_VERSION"), "axe.min.js"))
	if err != nil {
		b.t.Fatal(err)
	}
	var faults []string
	// Evaluated, not loaded: the page's policy lets no foreign script in.
	if err := b.Eval(string(axe)+`;axe.run().then(r => {
		if (r.passes.length < 10) throw new Error("axe-core has looked at hardly anything");
		return r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
			.map(v => v.id + ": " + v.help + ": " + v.nodes[0].html + " " + v.nodes[0].failureSummary);
	})`, &faults); err != nil {
		b.t.Fatalf("axe-core: %v", err)
	}
	return faults
}

//go:embed viewer.html
var viewerPage []byte

// Watched is what the viewer's page reports about one participant.
type Watched struct {
	Identity string `json:"identity"`
	Name     string `json:"name"`
	Video    *struct {
		FramesReceived int    `json:"framesReceived"` // complete, decoded or not
		FramesDecoded  int    `json:"framesDecoded"`
		FramesDropped  int    `json:"framesDropped"`
		FrameWidth     int    `json:"frameWidth"`
		FrameHeight    int    `json:"frameHeight"`
		PacketsLost    int    `json:"packetsLost"`
		FreezeCount    int    `json:"freezeCount"`
		Codec          string `json:"codec"`
	} `json:"video"`
	Audio *struct {
		PacketsReceived int     `json:"packetsReceived"`
		Energy          float64 `json:"totalAudioEnergy"`
		Codec           string  `json:"codec"`
	} `json:"audio"`
}

// Watch opens a page that joins a room and plays every participant.
func (b *Browser) Watch(l *LiveKit, room string) {
	b.t.Helper()
	b.WatchWith(l.URL(), l.ViewerToken(b.t, room, "browser"))
}

// WatchWith does the same with a server's address and a token.
func (b *Browser) WatchWith(server, token string) {
	b.t.Helper()
	bundle := cached(b.t, "js", "livekit-client-"+version(b.t, "LIVEKIT_CLIENT_VERSION"), "livekit-client.umd.js")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(viewerPage)
	})
	mux.HandleFunc("GET /livekit-client.umd.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, bundle)
	})
	host := httptest.NewServer(mux)
	b.t.Cleanup(host.Close)
	// A fragment does not travel to the server, nor into its log.
	b.Open(fmt.Sprintf("%s/#%s", host.URL, url.Values{"url": {server}, "token": {token}}.Encode()))
}

// JoinTimes are how long a page took, from the beginning of its joining.
type JoinTimes struct {
	Connected time.Duration // until it was in the room
	Frame     time.Duration // until its first picture was decoded and shown
}

// Joined asks the page how long joining took; an error until a picture is there.
func (b *Browser) Joined() (JoinTimes, error) {
	r, err := b.report()
	if err != nil {
		return JoinTimes{}, err
	}
	if r.Times.Frame == 0 {
		return JoinTimes{}, errors.New("no picture yet")
	}
	ms := func(f float64) time.Duration { return time.Duration(f * float64(time.Millisecond)) }
	return JoinTimes{ms(r.Times.Connected), ms(r.Times.Frame)}, nil
}

// pageReport is what the viewer's page tells.
type pageReport struct {
	Error        string    `json:"error"`
	Participants []Watched `json:"participants"`
	Times        struct {
		Connected float64 `json:"connected"` // milliseconds
		Frame     float64 `json:"frame"`
	} `json:"times"`
}

func (b *Browser) report() (pageReport, error) {
	var r pageReport
	if err := b.Eval("report()", &r); err != nil {
		return r, fmt.Errorf("ask the page: %w", err)
	}
	if r.Error != "" {
		return r, fmt.Errorf("the page says: %s", r.Error)
	}
	return r, nil
}

// Watched asks the page what it plays, by participant identity.
func (b *Browser) Watched() (map[string]Watched, error) {
	report, err := b.report()
	if err != nil {
		return nil, err
	}
	byIdentity := make(map[string]Watched)
	for _, p := range report.Participants {
		byIdentity[p.Identity] = p
	}
	return byIdentity, nil
}
