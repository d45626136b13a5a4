package admin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"testing"
	"time"
)

func profileOf(t *testing.T, s *Server, from, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestProfiles(t *testing.T) {
	s, err := New(Config{Cameras: twoCameras, Started: time.Now(), Profiles: true})
	if err != nil {
		t.Fatal(err)
	}
	const here = "127.0.0.1:50000"
	for _, path := range []string{"heap", "goroutine?debug=1", "profile?seconds=0.05", "trace?seconds=0.05"} {
		if w := profileOf(t, s, here, "/debug/pprof/"+path); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %d bytes", path, w.Code, w.Body.Len())
		}
	}
	if w := profileOf(t, s, here, "/debug/pprof/nothing"); w.Code != 404 {
		t.Errorf("a profile that is not there: %d", w.Code)
	}
	for _, from := range []string{"192.0.2.1:5", "[2001:db8::1]:5", "", "[::ffff:192.0.2.1]:1"} {
		if w := profileOf(t, s, from, "/debug/pprof/heap"); w.Code != 403 {
			t.Errorf("from %q: %d", from, w.Code)
		}
	}
}

func TestOneRecordingAtATime(t *testing.T) {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	s, err := New(Config{Cameras: twoCameras, Started: time.Now(), Profiles: true})
	if err != nil {
		t.Fatal(err)
	}
	if w := profileOf(t, s, "[::1]:6", "/debug/pprof/profile?seconds=1"); w.Code != http.StatusConflict {
		t.Errorf("a second recording: %d", w.Code)
	}
}

func TestProfilesAreOffByDefault(t *testing.T) {
	if w := profileOf(t, newServer(t, twoCameras), "127.0.0.1:5", "/debug/pprof/heap"); w.Code != 404 {
		t.Errorf("got %d", w.Code)
	}
}
