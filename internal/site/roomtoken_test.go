package site

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// roomTokenOf makes what looks like a room token that is good for an hour.
func roomTokenOf(identity, signature string) string {
	claims := fmt.Sprintf(`{"sub": %q, "exp": %d, "video": {"roomJoin": true, "room": "site", "canPublish": true}}`,
		identity, time.Now().Add(time.Hour).Unix())
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "." + signature
}

// withRoomToken is a site with one camera and no API keys.
func withRoomToken(cam *camsim.Camera, server *whiptest.Server, token RoomToken) Config {
	cfg := Default()
	cfg.LiveKit.URL, cfg.LiveKit.WHIPURL = "wss://livekit.example.com", server.URL()
	c := aCamera("gate", cam.URL())
	c.RoomToken = &token
	cfg.Cameras = []Camera{c}
	return cfg
}

func bearers(server *whiptest.Server, method string) (all []string) {
	for _, r := range server.Requests(method) {
		all = append(all, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	return all
}

// TestRoomTokenFile replaces the token in mid-session: what comes next bears the
// new one.
func TestRoomTokenFile(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	cam := startCamera(t, camsim.Config{})
	file := filepath.Join(t.TempDir(), "gate.jwt")
	write := func(token string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := roomTokenOf("cam-gate", "first"), roomTokenOf("cam-gate", "second")
	write(first)
	site := runConfig(t, withRoomToken(cam, server, RoomToken{TokenFile: file}))
	site.wait("gate", "live", in(publisher.Live))
	write(second)
	site.stop()
	if got := bearers(server, "POST"); len(got) != 1 || got[0] != first {
		t.Errorf("POST with %q", got)
	}
	if got := bearers(server, "DELETE"); len(got) != 1 || got[0] != second {
		t.Errorf("DELETE with %q, want the new one", got)
	}
}

// TestRoomTokenURL has a server that makes tokens, and a LiveKit that withdraws
// the first one: another is asked for at once.
func TestRoomTokenURL(t *testing.T) {
	var made atomic.Int64
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/room/gate" || r.Header.Get("Authorization") != "Bearer hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"token": %q, "url": "wss://other.example.com"}`, roomTokenOf("cam-gate", fmt.Sprint("made", made.Add(1))))
	}))
	t.Cleanup(tokens.Close)
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if strings.HasSuffix(r.Header.Get("Authorization"), ".made1") {
			return &whiptest.Reply{Status: http.StatusUnauthorized}
		}
		return nil
	}})
	cam := startCamera(t, camsim.Config{})
	bearer := filepath.Join(t.TempDir(), "bearer")
	if err := os.WriteFile(bearer, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	site := runConfig(t, withRoomToken(cam, server, RoomToken{TokenURL: tokens.URL + "/room/{name}", BearerFile: bearer}))
	site.wait("gate", "live", in(publisher.Live))
	site.stop()
	if got := bearers(server, "POST"); len(got) != 2 || !strings.HasSuffix(got[1], ".made2") {
		t.Errorf("POST with %q", got)
	}
	if got := bearers(server, "DELETE"); len(got) != 1 || !strings.HasSuffix(got[0], ".made2") || made.Load() != 2 {
		t.Errorf("DELETE with %q; %d tokens made", got, made.Load())
	}
}

// TestRoomTokenMoves lets the token server send the camera to another LiveKit.
func TestRoomTokenMoves(t *testing.T) {
	var mu sync.Mutex
	var livekit string
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		// Short-lived, so that it is asked for again before each request.
		claims := fmt.Sprintf(`{"sub": "cam-gate", "exp": %d, "video": {"roomJoin": true, "room": "site"}}`, time.Now().Add(2*time.Second).Unix())
		fmt.Fprintf(w, `{"token": "e.%s.s", "url": %q}`, base64.RawURLEncoding.EncodeToString([]byte(claims)), livekit)
	}))
	t.Cleanup(tokens.Close)
	var posts [2]atomic.Int64
	var servers [2]*httptest.Server
	for i := range servers {
		servers[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/whip/v1" && r.Method == http.MethodPost {
				posts[i].Add(1)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		t.Cleanup(servers[i].Close)
	}
	livekit = "ws" + strings.TrimPrefix(servers[0].URL, "http")
	server := whiptest.NewServer(t, whiptest.Config{})
	cfg := withRoomToken(startCamera(t, camsim.Config{}), server, RoomToken{TokenURL: tokens.URL})
	cfg.LiveKit.WHIPURL = ""
	site := runConfig(t, cfg)
	site.wait("gate", "POST to the first", func(publisher.Status) bool { return posts[0].Load() > 0 })
	mu.Lock()
	livekit = "ws" + strings.TrimPrefix(servers[1].URL, "http")
	mu.Unlock()
	site.wait("gate", "POST to the second", func(publisher.Status) bool { return posts[1].Load() > 0 })
}

// TestRoomTokenProblems: what is wrong with the token is told as it is.
func TestRoomTokenProblems(t *testing.T) {
	cam := startCamera(t, camsim.Config{})
	server := whiptest.NewServer(t, whiptest.Config{})
	down := "http://" + closedPort(t) + "/hunter2"
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>hunter2</html>")
	}))
	t.Cleanup(html.Close)
	for name, tc := range map[string]struct{ url, want, hint string }{
		"token server down": {down, "connection refused", "reaches the token server"},
		"a web page":        {html.URL, "is no room token", "check what the server"},
	} {
		t.Run(name, func(t *testing.T) {
			site := runConfig(t, withRoomToken(cam, server, RoomToken{TokenURL: tc.url, Bearer: secret.New("hunter2")}))
			s := site.wait("gate", "a reason", in(publisher.Reconnecting))
			if !strings.Contains(s.Reason, tc.want) || !strings.Contains(s.Hint, tc.hint) || strings.Contains(s.Reason+s.Hint, "hunter2") {
				t.Errorf("reason %q, hint %q", s.Reason, s.Hint)
			}
		})
	}
	if n := len(server.Requests("")); n != 0 {
		t.Errorf("%d requests without a token", n)
	}
}

func TestRoomTokenIsShared(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gate", "yard"} {
		if err := os.WriteFile(filepath.Join(dir, name+".jwt"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "site.yaml")
	if err := os.WriteFile(file, []byte(`
livekit: {url: "wss://livekit.example.com", room: r, via: ingress}
defaults:
  room_token: {token_file: "{name}.jwt"}
  attributes: {floor: "0"}
  identity: nobody
cameras:
  - {name: gate, url: "rtsp://10.0.0.1/"}
  - {name: yard, url: "rtsp://10.0.0.2/"}
  - {name: shed, url: "rtsp://10.0.0.3/", whip: {url: "https://whip.example.com/shed"}}
  - {name: dock, url: "rtsp://10.0.0.4/", room_token: {token_url: "https://t.example.com/?c={name}"}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	gate, shed, dock := cfg.Cameras[0], cfg.Cameras[2], cfg.Cameras[3]
	if gate.RoomToken.TokenFile != filepath.Join(dir, "gate.jwt") || gate.Via != ViaServer || gate.Identity != "" || gate.NeedsKeys() {
		t.Errorf("gate: %+v, %+v", gate, *gate.RoomToken)
	}
	if shed.RoomToken != nil || shed.Via != ViaWHIP {
		t.Errorf("shed: %+v", shed)
	}
	if dock.RoomToken.TokenFile != "" || dock.RoomToken.TokenURL != "https://t.example.com/?c=dock" {
		t.Errorf("dock: %+v", *dock.RoomToken)
	}
}
