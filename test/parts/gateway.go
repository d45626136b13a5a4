package parts

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary builds rtsp2whip, once for all tests. RTSP2WHIP_BIN names one that is
// built already.
var binary = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("RTSP2WHIP_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := cachePath()
	if err != nil {
		return "", err
	}
	// Two checkouts of the source may be tested at once.
	bin := filepath.Join(cache, "bin", fmt.Sprintf("rtsp2whip-%08x", crc32.ChecksumIEEE([]byte(root))))
	// As `make build` does it; the tests need no version in it.
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", bin, "./cmd/rtsp2whip")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build rtsp2whip: %w\n%s", err, out)
	}
	return bin, nil
})

// Binary is the path of the program under test.
func Binary(t testing.TB) string {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Gateway is a running `rtsp2whip run`.
type Gateway struct {
	*Process
	adminPort int
	config    string
	admin     string // more keys of the admin section, with a leading comma
	http      *http.Client
}

// Config is the path of its site's file.
func (g *Gateway) Config() string { return g.config }

// StartGateway runs a site's file. The file must leave out the admin section.
func StartGateway(t testing.TB, name, site string) *Gateway {
	t.Helper()
	return startGateway(t, Command{Name: name}, site, httpClient)
}

// StartGuardedGateway runs a site's file with a token for its HTTP server.
func StartGuardedGateway(t testing.TB, name, site, token string) *Gateway {
	t.Helper()
	client := &http.Client{Timeout: httpClient.Timeout, Transport: bearer(token)}
	return startGateway(t, Command{Name: name}, site, client, ", token: "+token)
}

// bearer is a transport that shows a token.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func startGateway(t testing.TB, c Command, site string, client *http.Client, admin ...string) *Gateway {
	t.Helper()
	g := &Gateway{adminPort: FreePort(t), http: client, admin: strings.Join(admin, "")}
	g.config = writeConfig(t, "site.yaml", g.complete(site))
	c.Path, c.Args, c.Grace = Binary(t), []string{"run", "-c", g.config}, 5*time.Second
	g.Process = Run(t, c)
	g.ready(20*time.Second, func() error { return getOK(g.http, g.url("/healthz")) })
	return g
}

// complete adds the admin section to a site's file.
func (g *Gateway) complete(site string) string {
	return fmt.Sprintf("%s\nadmin: {listen: \"127.0.0.1:%d\"%s}\n", site, g.adminPort, g.admin)
}

// Reload puts another file in the place of the site's and sends SIGHUP. It does not
// wait for what comes of it.
func (g *Gateway) Reload(site string) error {
	next := g.config + ".next"
	if err := os.WriteFile(next, []byte(g.complete(site)), 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, g.config); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cmd.Process.Signal(syscall.SIGHUP)
}

// RestartCamera asks for it through the API.
func (g *Gateway) RestartCamera(name string) error {
	url := g.url("/api/cameras/" + name + "/restart")
	res, err := g.http.Post(url, "", nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("POST %s: %s", url, res.Status)
	}
	return nil
}

// Metrics are the values of /metrics that have no labels, by name.
func (g *Gateway) Metrics() (map[string]float64, error) {
	res, err := g.http.Get(g.url("/metrics"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	values := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if f, err := strconv.ParseFloat(value, 64); ok && err == nil {
			values[name] = f
		}
	}
	return values, nil
}

// Page is the address of its status page.
func (g *Gateway) Page() string { return g.url("/") }

func (g *Gateway) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", g.adminPort, path)
}

// CameraStatus is what /api/cameras tells about a camera, as far as the tests
// read it.
type CameraStatus struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"` // of the state
	Reason    string    `json:"reason"`
	Hint      string    `json:"hint"`
	Codec     string    `json:"codec"`
	Width     int       `json:"width"`
	Height    int       `json:"height"`
	Audio     string    `json:"audio"`
	AudioNote string    `json:"audio_note"`
	Packets   uint64    `json:"packets"`
	Lost      uint64    `json:"lost"`
	Damaged   uint64    `json:"damaged"`
	Nacked    uint64    `json:"nacked"`
	Path      string    `json:"path"`
	Sessions  uint64    `json:"target_sessions"`

	KeyFrameWay   string  `json:"key_frame_way"`
	KeyFrameDelay float64 `json:"key_frame_delay"` // seconds
}

// Cameras asks for the status of every camera, by name.
func (g *Gateway) Cameras() (map[string]CameraStatus, error) {
	var list []CameraStatus
	if err := getJSON(g.http, g.url("/api/cameras"), &list); err != nil {
		return nil, errors.Join(err, g.Alive())
	}
	byName := make(map[string]CameraStatus, len(list))
	for _, c := range list {
		byName[c.Name] = c
	}
	return byName, nil
}

// WaitLive returns once each of these cameras is live.
func (g *Gateway) WaitLive(limit time.Duration, names ...string) {
	g.t.Helper()
	Eventually(g.t, limit, fmt.Sprintf("%v live", names), func() error {
		cameras, err := g.Cameras()
		if err != nil {
			return err
		}
		for _, name := range names {
			if c := cameras[name]; c.State != "live" {
				return fmt.Errorf("%s is %q: %s", name, c.State, c.Reason)
			}
		}
		return nil
	})
}

// WaitState returns once a camera is in one of these states.
func (g *Gateway) WaitState(limit time.Duration, name string, states ...string) {
	g.t.Helper()
	Eventually(g.t, limit, fmt.Sprintf("%s is one of %v", name, states), func() error {
		cameras, err := g.Cameras()
		if err != nil {
			return err
		}
		for _, s := range states {
			if cameras[name].State == s {
				return nil
			}
		}
		return fmt.Errorf("it is %q: %s", cameras[name].State, cameras[name].Reason)
	})
}

// Ready returns nil if /readyz says so.
func (g *Gateway) Ready(query string) error { return getOK(g.http, g.url("/readyz?"+query)) }
