package onvif

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a simulated camera with a web server.
func start(t *testing.T, web camsim.Web) *camsim.Camera {
	t.Helper()
	web.ONVIF = true
	cam, err := camsim.Start(camsim.Config{Username: "viewer", Password: "<p@ss&word>", Web: web})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cam.Stop)
	return cam
}

func connect(t *testing.T, cam *camsim.Camera, password string) *Client {
	t.Helper()
	c, err := New(Config{URL: cam.WebURL(), Username: "viewer", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Devices new and old, with clocks right and wrong, tell what they are, which
// streams they have, and take requests for key frames.
func TestDevices(t *testing.T) {
	for name, web := range map[string]camsim.Web{
		"new":         {Maker: "Acme", Model: "Eye <2>"},
		"old":         {MediaOnly: true},
		"clock ahead": {Clock: 30 * time.Hour},
		"clock back":  {Clock: -11 * 365 * 24 * time.Hour},
		"digest":      {HTTPDigest: true},
		"sha256":      {HTTPDigest: true, SHA256: true},
	} {
		t.Run(name, func(t *testing.T) {
			if web.Maker == "" {
				web.Maker, web.Model = "Simulated", "Camera"
			}
			escaped := web
			escaped.Model = escape(web.Model)
			cam := start(t, escaped)
			c := connect(t, cam, "<p@ss&word>")
			info, err := c.Information(t.Context())
			if err != nil || info.Manufacturer != web.Maker || info.Model != web.Model {
				t.Fatalf("%+v, %v", info, err)
			}
			ps, err := c.Profiles(t.Context())
			if err != nil || len(ps) != 2 {
				t.Fatalf("%d profiles, %v", len(ps), err)
			}
			main := ps[1]
			if main.Codec != "H264" || main.Width != 640 || main.Height != 360 || main.FPS != 25 || main.GOP != 300 || main.Name != "main" {
				t.Errorf("%+v", main)
			}
			uri, err := c.StreamURI(t.Context(), main)
			if err != nil || uri != cam.URL()+"?transportmode=unicast" {
				t.Errorf("%s, %v", uri, err)
			}
			if err := c.Synchronize(t.Context(), main); err != nil || cam.WebStats().KeyFrames != 1 {
				t.Errorf("%d key frames, %v", cam.WebStats().KeyFrames, err)
			}
			if refused := cam.WebStats().Refused; refused > 0 {
				t.Errorf("refused %d times on the way", refused)
			}
		})
	}
}

// A refusal is told as such, and nothing is tried twice.
func TestRefused(t *testing.T) {
	for name, web := range map[string]camsim.Web{"token": {}, "digest": {HTTPDigest: true}} {
		t.Run(name, func(t *testing.T) {
			cam := start(t, web)
			if _, err := connect(t, cam, "wrong").Information(t.Context()); !errors.Is(err, ErrRefused) {
				t.Errorf("%v", err)
			}
			if n := cam.WebStats().Refused; n != 1 {
				t.Errorf("tried %d times", n)
			}
			c, err := New(Config{URL: cam.WebURL()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Profiles(t.Context()); !errors.Is(err, ErrRefused) {
				t.Errorf("without an account: %v", err)
			}
		})
	}
}

// answering is a device that gives one answer to everything.
func answering(t *testing.T, status int, body string) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	c, err := New(Config{URL: s.URL, Username: "viewer", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsNotONVIF(t *testing.T) {
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"web page":  {200, "<html><body>Welcome</body></html>", ErrNotONVIF},
		"not found": {404, "", ErrNotONVIF},
		"refusal":   {401, "", ErrRefused},
		"deep":      {200, deep, ErrNotONVIF},
		"bomb":      {200, `<!DOCTYPE x [<!ENTITY a "aaaa">]><Envelope><Body>&a;</Body></Envelope>`, ErrNotONVIF},
		"nothing":   {200, "", ErrNotONVIF},
		"cut off":   {200, "<Envelope><Body>", ErrNotONVIF},
		"fault 1.1": {500, "<Envelope><Body><Fault><faultcode>x</faultcode><faultstring>Not Authorized</faultstring></Fault></Body></Envelope>", ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := answering(t, c.status, c.body).Information(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			} else if strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestFault(t *testing.T) {
	_, err := answering(t, 400, `<s:Envelope xmlns:s="x"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported</s:Value>`+
		`</s:Subcode></s:Code><s:Reason><s:Text>not&#x9b;31m here</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>`).Information(t.Context())
	var fault *Fault
	if !errors.As(err, &fault) || fault.Code != "ActionNotSupported" || fault.Text != "not 31m here" {
		t.Errorf("%v", err)
	}
	if want := "onvif: GetDeviceInformation: the device answers ActionNotSupported (not 31m here)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Whatever address a device names, no other host is spoken to.
func TestStaysAtTheHost(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	victim := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	body := `<Envelope><Body><GetServicesResponse><Service><Namespace>` + nsMedia + `</Namespace><XAddr>` + victim + `/onvif/media</XAddr></Service></GetServicesResponse>` +
		`<GetProfilesResponse><Profiles token="a"><Name>a</Name></Profiles></GetProfilesResponse></Body></Envelope>`
	c := answering(t, 200, body)
	ps, err := c.Profiles(t.Context())
	if err != nil || len(ps) != 1 || elsewhere.Load() != 0 {
		t.Errorf("%d profiles, %v, %d requests elsewhere", len(ps), err, elsewhere.Load())
	}
}

// A camera that has restarted with another clock is asked for it again.
func TestClockMoves(t *testing.T) {
	cam := start(t, camsim.Web{Clock: 2 * time.Hour})
	c := connect(t, cam, "<p@ss&word>")
	if _, err := c.Information(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.clock = -5 * time.Hour // as it was before
	c.mu.Unlock()
	if _, err := c.Information(t.Context()); err != nil {
		t.Errorf("%v", err)
	}
	if n := cam.WebStats().Refused; n != 1 {
		t.Errorf("refused %d times", n)
	}
}

func TestBadAddress(t *testing.T) {
	for _, u := range []string{"", "10.0.0.11", "rtsp://10.0.0.11/", "http://", "http://a b/"} {
		if _, err := New(Config{URL: u}); err == nil {
			t.Errorf("%q was taken", u)
		}
	}
	c, err := New(Config{URL: "http://u:p@10.0.0.11"})
	if err != nil || c.URL() != "http://10.0.0.11/onvif/device_service" {
		t.Errorf("%s, %v", c.URL(), err)
	}
}
