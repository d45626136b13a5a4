package site

import (
	"log/slog"
	"maps"
	"net/http"
	"strings"
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
