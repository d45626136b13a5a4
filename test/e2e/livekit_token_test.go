//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// A box without an API key enters rooms with tokens of the operator's, from a file
// and from a URL. The tokens are short-lived: by the end the first ones are
// worthless, and the sessions are ended all the same.
func TestRoomTokens(t *testing.T) {
	const life = 3 * time.Second
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{})
	token := func(identity string) string {
		return lk.RoomToken(t, "yard", identity, life, map[string]string{"made": "elsewhere"})
	}
	var asked atomic.Int64
	operator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer of-this-box" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked.Add(1)
		fmt.Fprintf(w, `{"token": %q, "url": %q}`, token(r.URL.Query().Get("camera")), lk.URL())
	}))
	t.Cleanup(operator.Close)
	file := filepath.Join(t.TempDir(), "by-file.jwt")
	write := func() {
		if err := os.WriteFile(file+".new", []byte(token("by-file")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write()
	began := time.Now()
	gateway := parts.StartGateway(t, "rtsp2whip", fmt.Sprintf(`
livekit: {url: %q}
cameras:
  - {name: by-file, url: %q, room_token: {token_file: %q}}
  - {name: by-url, url: %q, room_token: {token_url: "%s/?camera={name}", bearer: of-this-box}}
`, lk.URL(), camera.URL(), file, camera.URL(), operator.URL))
	sdk := parts.StartGateway(t, "rtsp2whip-sdk", fmt.Sprintf(`
livekit: {url: %q, via: sdk}
cameras:
  - {name: by-sdk, url: %q, room_token: {token_url: "%s/?camera={name}", bearer: of-this-box}}
`, lk.URL(), camera.URL(), operator.URL))
	gateway.WaitLive(15*time.Second, "by-file", "by-url")
	sdk.WaitLive(15*time.Second, "by-sdk")
	for _, identity := range []string{"by-file", "by-url", "by-sdk"} {
		p, err := lk.Participant("yard", identity)
		if err != nil || p.Name != "The "+identity || p.Attributes["made"] != "elsewhere" {
			t.Errorf("%s: %v, %v", identity, p, err)
		}
	}
	viewer := lk.Subscribe(t, "yard")
	// LiveKit lets a token be used for a minute after its end, or so: only when
	// that has passed would the old one be refused. What is looked at is that
	// another one was asked for.
	parts.Eventually(t, 20*time.Second, "the first tokens expire, and video flows on", func() error {
		if left := time.Until(began.Add(life + time.Second)); left > 0 {
			return fmt.Errorf("not for another %s", left)
		}
		return viewer.FlowsSince("by-url", began.Add(life))
	})
	write()
	before := asked.Load()
	end(t, gateway)
	if asked.Load() == before {
		t.Error("ended the session with the token of before")
	}
	parts.Eventually(t, 4*time.Second, "both leave the room", func() error {
		for _, identity := range []string{"by-file", "by-url"} {
			if err := present(lk, "yard", identity, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// What a site's file says about a participant is in the token that is minted.
func TestServerParticipant(t *testing.T) {
	lk := parts.StartLiveKit(t)
	camera := startCamera(t, camsim.Config{})
	gateway := parts.StartGateway(t, "rtsp2whip", site(lk, "server", "yard", entry{name: "gate", url: camera.URL(),
		extra: `, identity: cam-1, display_name: The gate, metadata: '{"floor": 0}', attributes: {kind: camera, floor: 0}`}))
	gateway.WaitLive(15*time.Second, "gate")
	p, err := lk.Participant("yard", "cam-1")
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "The gate" || p.Metadata != `{"floor": 0}` || p.Attributes["kind"] != "camera" || p.Attributes["floor"] != "0" {
		t.Errorf("%q, %q, %v", p.Name, p.Metadata, p.Attributes)
	}
}
