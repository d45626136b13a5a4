package site

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

const longGOP = "360p-longgop"

// locked is a camera with an account, as the site knows it.
func locked(t *testing.T, name string, cfg camsim.Config) (Camera, *camsim.Camera) {
	t.Helper()
	cfg.Username, cfg.Password = "viewer", "secret"
	cam := startCamera(t, cfg)
	c := aCamera(name, cam.URL())
	c.Username, c.Password, c.Web = cfg.Username, secret.New(cfg.Password), cam.WebURL()
	return c, cam
}

// watched has viewers ask for key frames until ok. A way that a person has chosen is
// not tried for its own sake: where the camera's next key frame happens to come soon
// after the start, nobody asks until somebody needs one.
func (r *running) watched(name string, ok func(publisher.Status) bool) func(publisher.Status) bool {
	return func(s publisher.Status) bool {
		_ = r.RequestKeyFrame(name) // it may not play yet
		return ok(s)
	}
}

// A way that the file fixes is the only one asked, off means none, and a camera with
// a short GOP is asked by RTCP at most.
func TestKeyFrameSettings(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	web := camsim.Web{ONVIF: true, ISAPI: true}
	fixed, fixedCam := locked(t, "fixed", camsim.Config{Clip: longGOP, Web: web})
	fixed.KeyFrame = KeyFrameISAPI
	off, offCam := locked(t, "off", camsim.Config{Clip: longGOP, Web: web, Faults: camsim.Faults{HonourPLI: true}})
	off.KeyFrame = KeyFrameOff
	short, shortCam := locked(t, "short", camsim.Config{Web: web})

	r := runSite(t, server, fixed, off, short)
	got := r.wait("fixed", "a way", r.watched("fixed", func(s publisher.Status) bool { return s.Prompt.Way != "" }))
	if got.Prompt.Way != "isapi" || got.Prompt.Delay <= 0 || got.Prompt.Delay > 5*time.Second {
		t.Errorf("%+v", got.Prompt)
	}
	r.wait("off", "10 s of pictures", func(s publisher.Status) bool { return s.Packets > 250 })
	r.wait("short", "a key frame interval, and being asked by RTCP", func(s publisher.Status) bool {
		return s.KeyFrameInterval > 0 && s.Packets > 250 && s.Prompt.Asks > 0 && shortCam.Stats().KeyFrameRequests > 0
	})
	r.stop()
	if n := fixedCam.Stats().KeyFrameRequests; n != 0 {
		t.Errorf("%d requests by RTCP, though ISAPI is set", n)
	}
	if n := offCam.Stats().KeyFrameRequests + offCam.WebStats().Requests; n != 0 {
		t.Errorf("%d requests, though asking is off", n)
	}
	if n := shortCam.WebStats().Requests; n != 0 {
		t.Errorf("%d requests over HTTP for a camera with a short GOP", n)
	}
}

// A viewer's PLI reaches the camera, and the time to the picture is told.
func TestPLIReachesTheCamera(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	c, cam := locked(t, "gate", camsim.Config{Clip: longGOP, Web: camsim.Web{ONVIF: true, Clock: time.Hour}})
	r := runSite(t, server, c)
	r.wait("gate", "a way", func(s publisher.Status) bool { return s.Prompt.Way == "onvif" })
	session := server.WaitSession(t)
	before, began := cam.WebStats().KeyFrames, time.Now()
	session.WaitFor(t, "an answer to PLI", func() bool {
		if err := session.PLI("video"); err != nil {
			t.Error(err)
		}
		return cam.WebStats().KeyFrames > before
	})
	if n := cam.WebStats().Refused; n != 0 {
		t.Errorf("refused %d times", n)
	}
	// However many viewers ask, the camera is asked once a second. One request may
	// have been under way at first.
	session.WaitFor(t, "four more", func() bool {
		_ = session.PLI("video")
		return cam.WebStats().KeyFrames >= before+5
	})
	if took, n := time.Since(began), cam.WebStats().KeyFrames-before; time.Duration(n-2)*time.Second > took {
		t.Errorf("%d requests in %v", n, took)
	}
}

// The certificate of a camera's web server is judged as that of its stream.
func TestKeyFrameOverHTTPS(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{Token: "an.example-token"})
	cam := startCamera(t, camsim.Config{Clip: longGOP})
	var asked atomic.Int32
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == "/ISAPI/Streaming/channels/101/requestKeyFrame" {
			asked.Add(1)
			cam.KeyFrame()
		}
	}))
	defer web.Close()
	trusted, wary := aCamera("trusted", cam.URL()), aCamera("wary", cam.URL())
	trusted.KeyFrame, trusted.Web, trusted.TLS.Insecure = KeyFrameISAPI, web.URL, true
	wary.KeyFrame, wary.Web = KeyFrameISAPI, web.URL
	r := runSite(t, server, wary)
	r.wait("wary", "a try", r.watched("wary", func(s publisher.Status) bool { return s.Prompt.Asks > 0 }))
	r.stop()
	if asked.Load() != 0 {
		t.Error("an untrusted certificate was taken")
	}
	r = runSite(t, server, trusted)
	r.wait("trusted", "a way", r.watched("trusted", func(s publisher.Status) bool { return s.Prompt.Way == "isapi" }))
}
