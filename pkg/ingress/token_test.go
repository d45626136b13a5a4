package ingress

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

func claims(t *testing.T, token string) (*auth.ClaimGrants, time.Duration) {
	t.Helper()
	v, err := auth.ParseAPIToken(token)
	if err != nil {
		t.Fatal(err)
	}
	if v.APIKey() != ingresstest.Key {
		t.Errorf("signed by %s", v.APIKey())
	}
	registered, grants, err := v.Verify(ingresstest.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return grants, time.Until(registered.ExpiresAt.Time)
}

func TestRoomToken(t *testing.T) {
	c := connect(t, "wss://lk.example.com")
	spec := gate
	spec.Metadata, spec.Attributes = "meta", map[string]string{"floor": "1"}
	token, err := c.RoomToken(spec, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	g, left := claims(t, token)
	if g.Identity != "cam-gate" || g.Name != "Gate" || g.Metadata != "meta" || g.Attributes["floor"] != "1" {
		t.Errorf("claims %+v", g)
	}
	v := g.Video
	if !v.RoomJoin || v.Room != "site" || !v.GetCanPublish() || v.GetCanSubscribe() || v.GetCanPublishData() || v.RoomAdmin || v.IngressAdmin || v.RoomCreate || v.Hidden {
		t.Errorf("grant %+v", v)
	}
	if left > 10*time.Minute || left < 5*time.Minute {
		t.Errorf("good for %v", left)
	}
	if _, err := c.RoomToken(spec, 0); err == nil {
		t.Error("a token without a lifetime")
	}
	if _, err := c.RoomToken(Spec{Identity: "i"}, time.Hour); err == nil {
		t.Error("a token without a room")
	}
	if _, err := c.RoomToken(Spec{Room: "r"}, time.Hour); err == nil {
		t.Error("a token without an identity")
	}
}

func TestViewer(t *testing.T) {
	for server, want := range map[string]struct{ url, note string }{
		"wss://lk.example.com":     {"wss://lk.example.com", ""},
		"https://lk.example.com/p": {"wss://lk.example.com/p", ""},
		"ws://127.0.0.1:7880":      {"ws://127.0.0.1:7880", "same machine"},
		"http://localhost:7880":    {"ws://localhost:7880", "same machine"},
		"ws://10.0.0.1:7880":       {"ws://10.0.0.1:7880", "TLS"},
	} {
		v, err := connect(t, server).ViewerLink("site", "viewer & co", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if v.ServerURL != want.url || !strings.Contains(v.Note, want.note) || (v.Note == "") != (want.note == "") {
			t.Errorf("%s: %q, %q", server, v.ServerURL, v.Note)
		}
		u, err := url.Parse(v.Link)
		if err != nil || u.Host != "meet.livekit.io" || u.Path != "/custom" ||
			u.Query().Get("liveKitUrl") != want.url || u.Query().Get("token") != v.Token {
			t.Errorf("link %q, %v", v.Link, err)
		}
		g, _ := claims(t, v.Token)
		if g.Identity != "viewer & co" || !g.Video.RoomJoin || g.Video.Room != "site" || g.Video.GetCanPublish() || g.Video.GetCanPublishData() || !g.Video.GetCanSubscribe() || g.Video.Hidden {
			t.Errorf("claims %+v", g)
		}
	}
	c := connect(t, "wss://lk.example.com")
	if _, err := c.ViewerLink("", "v", time.Hour); err == nil {
		t.Error("a link without a room")
	}
	if _, err := c.ViewerToken("site", "v", -time.Hour); err == nil {
		t.Error("a token of yesterday")
	}
}

func TestSecretsStayHidden(t *testing.T) {
	cfg := Config{URL: "wss://u:streamkey1@h", APIKey: "k", APISecret: ingresstest.Secret}
	e := Endpoint{IngressID: "IN_1", URL: "https://h/w", StreamKey: "streamkey1"}
	js, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var log logbook
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", cfg, "endpoint", e, "key", e.StreamKey)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "cfg", cfg, "endpoint", e, "key", e.StreamKey)
	for _, text := range []string{
		allForms(cfg), allForms(&cfg), allForms(e), allForms(e.StreamKey), allForms(&e), string(js), log.String(),
		fmt.Sprintf("%d %t %X %08.3f", e.StreamKey, e.StreamKey, e.StreamKey, e.StreamKey),
	} {
		noSecret(t, text)
		if strings.Contains(text, fmt.Sprintf("%x", "streamkey1")) {
			t.Errorf("the key in hexadecimal is in %q", text)
		}
		if !strings.Contains(text, redacted) && !strings.Contains(text, fmt.Sprintf("%x", redacted)) {
			t.Errorf("nothing redacted in %q", text)
		}
	}
	if e.StreamKey.Reveal() != "streamkey1" || StreamKey("").String() != "" {
		t.Error("Reveal or the empty key")
	}
}

func TestNewChecks(t *testing.T) {
	for want, cfg := range map[string]Config{
		"no API key":       {URL: "wss://h", APISecret: ingresstest.Secret},
		"no API secret":    {URL: "wss://h", APIKey: "k"},
		"negative timeout": {URL: "wss://h", APIKey: "k", APISecret: ingresstest.Secret, Timeout: -1},
	} {
		c, err := New(cfg)
		if c != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		noSecret(t, fmt.Sprint(err))
	}
}
