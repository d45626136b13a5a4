package main

import (
	"net"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
)

// The loopback network of Linux carries multicast, and has addresses enough.
func TestDiscoverScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script-linux",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code,
			// announce starts cameras that can be found until the script ends.
			"announce": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("CAMERA", announceCameras(ts))
			},
		},
	})
}

func announceCameras(ts *testscript.TestScript) string {
	lo, err := net.InterfaceByName("lo")
	ts.Check(err)
	var devices []camsim.Announced
	var first string
	for i, cfg := range []camsim.Config{
		{Addr: "127.0.77.1:0", Username: "viewer", Password: "secret", Web: camsim.Web{ONVIF: true, Maker: "Acme", Model: "Eye 2"}},
		{Addr: "127.0.77.2:0", Username: "admin", Password: "other", Web: camsim.Web{ONVIF: true}},
		{Addr: "127.0.77.3:0", Web: camsim.Web{ONVIF: true, MediaOnly: true, Clock: -3 * time.Hour}},
	} {
		cam, err := camsim.Start(cfg)
		ts.Check(err)
		ts.Defer(cam.Stop)
		if i == 0 {
			first = cam.WebURL()
		}
		devices = append(devices, camsim.Announced{
			Addr: cfg.Addr[:len(cfg.Addr)-2], XAddrs: cam.WebURL() + "/onvif/device_service",
			Scopes: []string{
				"onvif://www.onvif.org/name/Acme onvif://www.onvif.org/hardware/Eye%202",
				"onvif://www.onvif.org/name/Other onvif://www.onvif.org/hardware/Cam",
				"onvif://www.onvif.org/Profile/Streaming",
			}[i],
		})
	}
	a, err := camsim.Announce(lo, devices...)
	ts.Check(err)
	ts.Defer(a.Close)
	return first
}
