package admin

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func twoCameras() []publisher.Status {
	now := time.Now()
	return []publisher.Status{
		{
			Name: "gate", State: publisher.Live, Since: now.Add(-90500 * time.Millisecond), Target: "ingress, room site-42",
			Codec: "H264", ProfileLevelID: "64001f", Width: 1280, Height: 720, FPS: 25, Bitrate: 4.2e6,
			Audio: "PCMA", SessionSince: now.Add(-80 * time.Second), Packets: 1234, Bytes: 99999, Lost: 3,
			Nacked: 4, PLIs: 5, FractionLost: 0.015, RTT: 23 * time.Millisecond, KeyFrames: 40,
			KeyFrameInterval: 2 * time.Second, LastFrame: now, PathType: "relay", PathProtocol: "tls", AvailableRate: 6e6, AllowedRate: 5e6,
			Retransmitted: 7, Restarts: 1,
			Pacing:         publisher.PacingStats{Rate: 7e6, Delay: 350 * time.Millisecond, Delayed: 300, Hastened: 20, Discarded: 3},
			CameraSessions: 1, TargetSessions: 1, Tried: true, EverLive: true,
		},
		{
			Name: "yard<script>", Stream: publisher.Sub, StreamNote: "the smaller stream (sub_url) plays: the main one is H265", StreamChanges: 1, State: publisher.Reconnecting, Since: now.Add(-5 * time.Second), Tried: true,
			Reason: "DESCRIBE: 401 Unauthorized", Hint: "check user name and password", CameraFailures: 2,
			AudioNote: "audio left out: AAC", Notes: []string{"a second video track is not used"},
		},
	}
}

func newServer(t *testing.T, cameras func() []publisher.Status) *Server {
	t.Helper()
	s, err := New(Config{Cameras: cameras, Version: "v1.2.3", Started: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t *testing.T, s *Server, path string) (int, string, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String(), w.Header()
}

func TestCamerasJSON(t *testing.T) {
	code, body, _ := get(t, newServer(t, twoCameras), "/api/cameras")
	var got []Camera
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 || len(got) != 2 {
		t.Fatalf("status %d, %d cameras, err %v", code, len(got), err)
	}
	g := got[0]
	if g.Name != "gate" || g.State != "live" || g.RTT != 0.023 || g.KeyFrameInterval != 2 || g.SessionAge < 79 || g.LastFrame == nil {
		t.Errorf("gate: %+v", g)
	}
	if got[1].Stream != publisher.Sub || got[1].StreamNote == "" || got[1].StreamChanges != 1 {
		t.Errorf("yard's stream: %+v", got[1])
	}
	if g.PathType != "relay" || g.PathProtocol != "tls" || g.AvailableRate != 6e6 || g.AllowedRate != 5e6 || g.Retransmitted != 7 || g.Restarts != 1 ||
		g.Pacing == nil || *g.Pacing != (Pacing{7e6, 0.35, 300, 20, 3}) || got[1].Pacing != nil {
		t.Errorf("gate: %+v, pacing %+v", g, g.Pacing)
	}
	if got[1].Hint == "" || got[1].LastFrame != nil || got[1].SessionAge != 0 {
		t.Errorf("yard: %+v", got[1])
	}
	// The names that tools rely on.
	for _, key := range []string{"name", "state", "since", "reason", "stream", "codec", "width", "height", "fps", "bitrate", "target",
		"session_age", "packets", "bytes", "lost", "nacked", "plis", "rtt", "key_frame_interval"} {
		if !strings.Contains(body, `"`+key+`"`) {
			t.Errorf("no %q in the answer", key)
		}
	}
}

func TestNoCamerasIsAnEmptyList(t *testing.T) {
	s := newServer(t, func() []publisher.Status { return nil })
	if _, body, _ := get(t, s, "/api/cameras"); strings.TrimSpace(body) != "[]" {
		t.Errorf("got %q, want []", body)
	}
	if code, body, _ := get(t, s, "/"); code != 200 || !strings.Contains(body, "No camera is enabled") {
		t.Errorf("page: %d %s", code, body)
	}
}

func TestPage(t *testing.T) {
	code, body, header := get(t, newServer(t, twoCameras), "/")
	if code != 200 {
		t.Fatalf("status %d", code)
	}
	for _, want := range []string{"1 of 2 cameras live", "gate", "1280×720 H264, PCMA", "25 fps, 4.20 Mb/s", "1 min 30 s",
		"DESCRIBE: 401 Unauthorized", "check user name and password", "yard&lt;script&gt;", "a second video track", "the smaller stream (sub_url) plays", "v1.2.3"} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if strings.Contains(body, "yard<script") || strings.Count(body, "<script") != 1 {
		t.Error("a camera's name reached the page as markup")
	}
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
	// With no-referrer browsers send the login form with "Origin: null", which is refused.
	if policy := header.Get("Referrer-Policy"); policy != "same-origin" {
		t.Errorf("Referrer-Policy %q", policy)
	}
	if code, css, h := get(t, newServer(t, twoCameras), "/style.css"); code != 200 || css == "" || !strings.HasPrefix(h.Get("Content-Type"), "text/css") {
		t.Errorf("style sheet: %d", code)
	}
}

func TestMetrics(t *testing.T) {
	_, body, _ := get(t, newServer(t, twoCameras), "/metrics")
	for _, want := range []string{
		`rtsp2whip_build_info{version="v1.2.3"} 1`,
		`rtsp2whip_cameras{state="live"} 1`,
		`rtsp2whip_cameras{state="stalled"} 0`,
		`rtsp2whip_camera_state{camera="gate",state="live"} 1`,
		`rtsp2whip_camera_state{camera="gate",state="stalled"} 0`,
		`rtsp2whip_camera_sent_packets_total{camera="gate"} 1234`,
		`rtsp2whip_camera_rtt_seconds{camera="gate"} 0.023`,
		`rtsp2whip_camera_sub_stream{camera="gate"} 0`,
		`rtsp2whip_camera_sub_stream{camera="yard<script>"} 1`,
		`rtsp2whip_camera_stream_changes_total{camera="yard<script>"} 1`,
		`rtsp2whip_camera_path{camera="gate",protocol="tls",type="relay"} 1`,
		`rtsp2whip_camera_available_bits_per_second{camera="gate"} 6e+06`,
		`rtsp2whip_camera_allowed_bits_per_second{camera="gate"} 5e+06`,
		`rtsp2whip_camera_retransmitted_packets_total{camera="gate"} 7`,
		`rtsp2whip_camera_ice_restarts_total{camera="gate"} 1`,
		`rtsp2whip_camera_pacing_bits_per_second{camera="gate"} 7e+06`,
		`rtsp2whip_camera_pacing_delay_seconds{camera="gate"} 0.35`,
		`rtsp2whip_camera_paced_packets_total{camera="gate"} 300`,
		`rtsp2whip_camera_paced_hastened_packets_total{camera="gate"} 20`,
		`rtsp2whip_camera_paced_discarded_packets_total{camera="gate"} 3`,
		// From the start, before there is any session.
		`rtsp2whip_camera_retransmitted_packets_total{camera="yard<script>"} 0`,
		`rtsp2whip_camera_ice_restarts_total{camera="yard<script>"} 0`,
		`rtsp2whip_camera_pacing_delay_seconds{camera="yard<script>"} 0`,
		`rtsp2whip_camera_paced_packets_total{camera="yard<script>"} 0`,
		`rtsp2whip_camera_camera_failures_total{camera="yard<script>"} 2`,
		`rtsp2whip_camera_last_frame_timestamp_seconds{camera="yard<script>"} 0`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestReadiness(t *testing.T) {
	tried := twoCameras()
	untried := twoCameras()
	untried[1].Tried = false
	live := twoCameras()[:1]
	waiting, standby := append(twoCameras()[:1], publisher.Status{Name: "dock", State: publisher.Waiting, Tried: true}),
		append(twoCameras()[:1], publisher.Status{Name: "dock", State: publisher.Standby, Tried: true})
	for _, c := range []struct {
		name    string
		cameras []publisher.Status
		path    string
		want    int
	}{
		{"every camera tried", tried, "/readyz", 200},
		{"one not tried yet", untried, "/readyz", 503},
		{"one not live", tried, "/readyz?cameras=all", 503},
		{"all live", live, "/readyz?cameras=all", 200},
		{"one that nobody watches", waiting, "/readyz?cameras=all", 200},
		{"one in whose place another is", standby, "/readyz?cameras=all", 503},
		{"no cameras", nil, "/readyz?cameras=all", 200},
		{"health does not look at cameras", untried, "/healthz", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, func() []publisher.Status { return c.cameras })
			if code, body, _ := get(t, s, c.path); code != c.want {
				t.Errorf("got %d, want %d: %s", code, c.want, body)
			}
		})
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	s := newServer(t, twoCameras)
	if code, _, _ := get(t, s, "/nothing"); code != 404 {
		t.Errorf("unknown path: %d", code)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/cameras", nil))
	if w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestServeRefusesForeignNamesOnLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- newServer(t, twoCameras).Serve(ctx, l) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for host, want := range map[string]int{"": 200, "localhost:1": 200, "evil.example": 421, "[::1]:80": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Host %q: %d, want %d", host, resp.StatusCode, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s",
		2*time.Hour + 5*time.Minute: "2 h 5 min", 50 * time.Hour: "2 d 2 h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}
