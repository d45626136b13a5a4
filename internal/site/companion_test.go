package site

import (
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/secret"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

// withIngress is a site with one camera, whose ingress leads to server.
func withIngress(t *testing.T, server *whiptest.Server) (*ingresstest.Server, Config) {
	t.Helper()
	lk := ingresstest.Start()
	t.Cleanup(lk.Close)
	lk.WHIPBaseURL = server.URL()
	cfg := Default()
	cfg.LiveKit = LiveKit{URL: lk.URL, APIKey: secret.New(ingresstest.Key), APISecret: secret.New(ingresstest.Secret),
		Room: "yard", Via: ViaIngress, Site: "north"}
	c := aCamera("gate", startCamera(t, camsim.Config{}).URL())
	c.Attributes = map[string]string{"floor": "2"}
	cfg.Cameras = []Camera{c}
	return lk, cfg
}

// TestAttributesFollowTheParticipant: an ingress has no attributes, so they come
// once the camera is in the room, in each session anew.
func TestAttributesFollowTheParticipant(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	lk, cfg := withIngress(t, server)
	site := runConfig(t, cfg)
	site.wait("gate", "a session", func(s publisher.Status) bool { return !s.SessionSince.IsZero() })
	site.wait("gate", "asking for a participant who is not there yet", func(publisher.Status) bool {
		return lk.Calls("UpdateParticipant") >= 2
	})
	lk.Enter("yard", "gate")
	site.wait("gate", "attributes", func(publisher.Status) bool {
		return maps.Equal(lk.Attributes("yard", "gate"), map[string]string{"floor": "2"})
	})
	if all := lk.Ingresses("yard"); len(all) != 1 || all[0].GetName() != "rtsp2whip/north/gate" {
		t.Errorf("ingresses %v", all)
	}
	lk.Flush()
	calls := lk.Calls("UpdateParticipant")
	server.Sessions()[0].Blackhole(true, true)
	site.wait("gate", "attributes for the next session", func(publisher.Status) bool { return lk.Calls("UpdateParticipant") > calls })
}

// TestAttributesRefused: a key that may not change participants costs the
// attributes and nothing else.
func TestAttributesRefused(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{})
	lk, cfg := withIngress(t, server)
	lk.Fault = func(method string, _ int) ingresstest.Fault {
		if method == "UpdateParticipant" {
			return ingresstest.Fault{Status: http.StatusUnauthorized, Body: `{"code":"unauthenticated","msg":"permissions denied"}`}
		}
		return ingresstest.Fault{}
	}
	var log syncedLog
	site := runConfigLogging(t, cfg, slog.New(slog.NewTextHandler(&log, nil)))
	site.wait("gate", "a warning", func(publisher.Status) bool { return strings.Contains(log.String(), "without its attributes") })
	if !strings.Contains(log.String(), "roomAdmin") {
		t.Errorf("log: %s", log.String())
	}
	site.wait("gate", "a session", func(s publisher.Status) bool { return !s.SessionSince.IsZero() })
	site.stop()
	if n := lk.Calls("UpdateParticipant"); n != 1 {
		t.Errorf("%d requests that are refused", n)
	}
}

// TestForgottenIngressIsMadeAnew: LiveKit has lost its memory, and the session its
// path. The 404 for the ingress of before is no failure, only a reason to make
// another.
func TestForgottenIngressIsMadeAnew(t *testing.T) {
	var old atomic.Value
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply {
		if key, _ := old.Load().(string); key != "" && r.Method == http.MethodPost && r.Header.Get("Authorization") == "Bearer "+key {
			return &whiptest.Reply{Status: http.StatusNotFound, Body: "ingress does not exist"}
		}
		return nil
	}})
	lk, cfg := withIngress(t, server)
	site := runConfig(t, cfg)
	site.wait("gate", "a session", func(s publisher.Status) bool { return s.TargetSessions == 1 })
	server.WaitSession(t).WaitPackets(t, "video", 10)
	old.Store(lk.Ingresses("")[0].GetStreamKey())
	lk.Flush()
	server.Sessions()[0].Blackhole(true, true)
	s := site.wait("gate", "a second session", func(s publisher.Status) bool {
		return s.TargetSessions == 2
	})
	if s.TargetFailures != 1 {
		t.Errorf("%d target failures, want the lost session alone", s.TargetFailures)
	}
	if n := len(server.Requests(http.MethodPost)); n != 3 || len(lk.Ingresses("")) != 1 {
		t.Errorf("%d POST, want 3; ingresses %v", n, lk.Ingresses(""))
	}
}
