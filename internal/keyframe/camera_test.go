package keyframe

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camhttp"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
)

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The path of a stream tells its maker, and so which ways are worth a try; the rest
// of the world is not bothered with them.
func TestWaysOfACamera(t *testing.T) {
	common := []Way{PLI, FIR, ONVIF, Session}
	for path, own := range map[string]Way{
		"/stream1":                       "",
		"/axis-media/media.amp?camera=1": Axis,
		"/onvif-media/media.amp":         Axis,
		"/Streaming/Channels/101":        ISAPI,
		"/Streaming/channels/102/":       ISAPI,
		"/ISAPI/Streaming/Channels/201":  ISAPI,
		"/h264/ch1/main/av_stream":       ISAPI,
		"/profile2/media.smp":            SUNAPI,
		"/0/profile3/media.smp":          SUNAPI,
		"/cam/realmonitor?channel=1":     "",
	} {
		ways, fixed := Ways("auto", Camera{RTSP: parse(t, "rtsp://10.0.0.11"+path)})
		var extra []Way
		for _, w := range ways {
			if !slices.Contains(common, w) {
				extra = append(extra, w)
			}
		}
		if fixed || len(ways) != len(common)+len(extra) || own == "" && len(extra) > 0 || own != "" && !slices.Equal(extra, []Way{own}) {
			t.Errorf("%s: %v", path, ways)
		}
	}
	for name, want := range map[string][]Way{"off": nil, "rtcp": {PLI, FIR}, "isapi": {ISAPI}, "session": {Session}} {
		if ways, fixed := Ways(name, Camera{RTSP: parse(t, "rtsp://10.0.0.11/x")}); !fixed || !slices.Equal(ways, want) {
			t.Errorf("%s: %v", name, ways)
		}
	}
}

// What is asked for is the stream that is played.
func TestMakersRequests(t *testing.T) {
	var got string
	status := http.StatusOK
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.RequestURI()
		w.WriteHeader(status)
	}))
	defer web.Close()
	const sunapi = "GET /stw-cgi/media.cgi?msubmenu=setsynchronizationpoint&action=control&"
	camera := func(path string) Camera {
		return Camera{RTSP: parse(t, "rtsp://10.0.0.11"+path), Web: parse(t, web.URL+"/onvif/device_service"), HTTP: camhttp.New(camhttp.Config{})}
	}
	for _, c := range []struct {
		way        Way
		path, want string
	}{
		{ISAPI, "/Streaming/Channels/102", "PUT /ISAPI/Streaming/channels/102/requestKeyFrame"},
		{ISAPI, "/h264/ch2/sub/av_stream", "PUT /ISAPI/Streaming/channels/202/requestKeyFrame"},
		{ISAPI, "/h265/ch1/main/av_stream", "PUT /ISAPI/Streaming/channels/101/requestKeyFrame"},
		{ISAPI, "/live", "PUT /ISAPI/Streaming/channels/101/requestKeyFrame"},
		{SUNAPI, "/profile3/media.smp", sunapi + "Channel=0&Profile=3"},
		{SUNAPI, "/2/profile5/media.smp", sunapi + "Channel=2&Profile=5"},
		{SUNAPI, "/live", sunapi + "Channel=0&Profile=2"},
	} {
		if err := camera(c.path).Asks()[c.way](t.Context(), func() {}); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.path, got, err, c.want)
		}
	}
	for code, want := range map[int]error{401: ErrRefused, 403: ErrRefused, 404: ErrUnsupported, 500: ErrUnsupported, 302: ErrUnsupported} {
		status = code
		if err := camera("/live").Asks()[ISAPI](t.Context(), func() {}); !errors.Is(err, want) {
			t.Errorf("%d: %v", code, err)
		}
	}
	status = http.StatusServiceUnavailable
	if err := camera("/live").Asks()[ISAPI](t.Context(), func() {}); err == nil || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrRefused) {
		t.Errorf("503: %v", err)
	}
}

// Without a web server of its own the camera's host is asked at port 80, by whatever
// form its address has.
func TestDefaultWebServer(t *testing.T) {
	for rtsp, want := range map[string]string{
		"rtsp://10.0.0.11:8554/x":        "http://10.0.0.11/p?q",
		"rtsps://cam.local/x":            "http://cam.local/p?q",
		"rtsp://[fe80::1%25eth0]:554/x":  "http://[fe80::1]/p?q",
		"rtsp+https://u:p@10.0.0.11:443": "http://10.0.0.11/p?q",
	} {
		if got := (Camera{RTSP: parse(t, rtsp)}).at("/p", "q").String(); got != want {
			t.Errorf("%s: %s, want %s", rtsp, got, want)
		}
	}
}

func TestSameStream(t *testing.T) {
	for _, c := range []struct {
		ours, named string
		want        bool
	}{
		{"rtsp://h/Streaming/channels/101", "rtsp://x:554/Streaming/Channels/101/?transportmode=unicast", true},
		{"rtsp://h/cam/realmonitor?channel=1&subtype=0", "rtsp://h/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif", true},
		{"rtsp://h/cam/realmonitor?channel=1&subtype=0", "rtsp://h/cam/realmonitor?channel=1&subtype=1&unicast=true", false},
		{"rtsp://h/stream1", "rtsp://h/stream2", false},
		{"rtsp://h/stream1", "://", false},
	} {
		if got := sameStream(parse(t, c.ours), c.named); got != c.want {
			t.Errorf("%s and %s: %t", c.ours, c.named, got)
		}
	}
}

// A device is asked for the profile whose URL is that of the stream; where none is,
// for each of the first ones. A refusal ends it, an unknown operation too.
func TestONVIF(t *testing.T) {
	cam, err := camsim.Start(camsim.Config{Username: "viewer", Password: "secret", Web: camsim.Web{ONVIF: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer cam.Stop()
	ask := func(rtsp, web, password string) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return Camera{
			RTSP: parse(t, rtsp), Web: parse(t, web), Username: "viewer", Password: password,
			HTTP: camhttp.New(camhttp.Config{Username: "viewer", Password: password}),
		}.Asks()[ONVIF](ctx, func() {})
	}
	if err := ask(cam.URL(), cam.WebURL(), "secret"); err != nil || cam.WebStats().KeyFrames != 1 {
		t.Errorf("%d, %v", cam.WebStats().KeyFrames, err)
	}
	if err := ask("rtsp://127.0.0.1/sub", cam.WebURL(), "secret"); err != nil || cam.WebStats().KeyFrames != 1 {
		t.Errorf("the wrong profile was asked: %d, %v", cam.WebStats().KeyFrames, err)
	}
	if err := ask("rtsp://127.0.0.1/other", cam.WebURL(), "secret"); err != nil || cam.WebStats().KeyFrames != 2 {
		t.Errorf("not every profile was asked: %d, %v", cam.WebStats().KeyFrames, err)
	}
	if err := ask(cam.URL(), cam.WebURL(), "wrong"); !errors.Is(err, ErrRefused) || cam.WebStats().Refused != 1 {
		t.Errorf("%d, %v", cam.WebStats().Refused, err)
	}
	if err := ask(cam.URL(), cam.WebURL()+"/elsewhere", "secret"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
	if err := ask(cam.URL(), "http://127.0.0.1:1", "secret"); err == nil || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}
