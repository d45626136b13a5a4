package main

import (
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

// liveKitKey is under what a script keeps its server: scripts run side by side.
type liveKitKey struct{}

// livekit is the scripts' command for a LiveKit of their own:
//
//	livekit start                             start it; LIVEKIT_URL and the keys are set
//	livekit put NAME ROOM IDENTITY [live]     give it an ingress: IN_0001, IN_0002, ...
//	livekit has ID...                         it must have exactly these
//	livekit fails METHOD TEXT                 answer a method with 500 and a text from now on
func livekit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: livekit start|put|has|fails ...")
	}
	s, _ := ts.Value(liveKitKey{}).(*liveKitOfScript)
	switch verb, args := args[0], args[1:]; verb {
	case "start":
		s.Server = ingresstest.Start()
		ts.Defer(s.Close)
		s.PageSize = 2
		ts.Setenv("LIVEKIT_URL", s.URL)
		ts.Setenv("LIVEKIT_API_KEY", ingresstest.Key)
		ts.Setenv("LIVEKIT_API_SECRET", ingresstest.Secret)
	case "put":
		if len(args) < 3 {
			ts.Fatalf("usage: livekit put NAME ROOM IDENTITY [live]")
		}
		s.Make(args[0], args[1], args[2], len(args) > 3)
	case "has":
		var ids []string
		for _, i := range s.Ingresses("") {
			ids = append(ids, i.GetIngressId())
		}
		if !slices.Equal(ids, args) {
			ts.Fatalf("LiveKit has %s", strings.Join(ids, " "))
		}
	case "fails":
		failing, text := args[0], args[1] // the script uses args again
		s.SetFault(func(method string, _ int) ingresstest.Fault {
			if method == failing {
				return ingresstest.Fault{Status: 500, Body: `{"code":"internal","msg":"` + text + `"}`}
			}
			return ingresstest.Fault{}
		})
	default:
		ts.Fatalf("livekit %s?", verb)
	}
}

// liveKitOfScript is one script's server, once it is started.
type liveKitOfScript struct{ *ingresstest.Server }
