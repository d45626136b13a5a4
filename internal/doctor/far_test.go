package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/livekit/protocol/livekit"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
)

const testToken = "s3cr3t-doctor-token"

// toWHIP is a camera of the given kind that goes to a server.
func toWHIP(t *testing.T, camera string, server *whiptest.Server) Config {
	cfg := of(start(t, camera))
	cfg.Target = &Target{Via: WHIP, Endpoint: server.URL(), Token: testToken, Camera: "gate"}
	return cfg
}

func TestWHIP(t *testing.T) {
	t.Parallel()
	server := whiptest.NewServer(t, whiptest.Config{Token: testToken})
	got := run(t, toWHIP(t, "digest", server))
	for _, name := range []string{stepResolve, stepConnect, stepTLS, stepClock, stepPost, stepAnswer, stepICE, stepDTLS, stepReport, stepLoss, stepTrip, stepDelete} {
		got.expect(t, Session, name, OK)
	}
	if n := got.Count(Failed) + got.Count(NotReached); n != 0 {
		t.Errorf("%d steps are not well:\n%s", n, got.text)
	}
	s := server.WaitSession(t)
	if s.Deletes() != 1 || s.Track("video").Packets == 0 || s.Track("video").BYEs == 0 {
		t.Errorf("%d DELETEs, %+v", s.Deletes(), s.Track("video"))
	}
	if n := len(server.Sessions()); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestWHIPRefusals(t *testing.T) {
	status := func(code int) func(whiptest.Request) *whiptest.Reply {
		return func(r whiptest.Request) *whiptest.Reply {
			if r.Method != http.MethodPost {
				return nil
			}
			return &whiptest.Reply{Status: code, Body: "no"}
		}
	}
	var all sync.WaitGroup
	defer all.Wait()
	for _, test := range []struct {
		name   string
		server whiptest.Config
		step   string
		words  []string
		before string // the last step that is well
		after  string // not reached
	}{
		{"401", whiptest.Config{Token: "another"}, stepPost, []string{"401"}, stepClock, stepAnswer},
		{"404", whiptest.Config{Script: status(404)}, stepPost, []string{"404"}, stepClock, stepAnswer},
		{"503", whiptest.Config{Script: status(503)}, stepPost, []string{"503"}, stepClock, stepICE},
		{"no answer", whiptest.Config{MutateAnswer: func(string) string { return "v=0\r\n" }}, stepAnswer, nil, stepPost, stepICE},
		{"no media", whiptest.Config{NoMedia: true}, stepICE, []string{"UDP"}, stepAnswer, stepDTLS},
		{"fingerprint", whiptest.Config{MutateAnswer: func(sdp string) string {
			return mapLines(sdp, "a=fingerprint:", func(l string) string { return l[:len(l)-5] + "00:00" })
		}}, stepDTLS, nil, stepICE, stepReport},
		{"no reports", whiptest.Config{NoReports: true}, stepReport, []string{"none has come"}, stepDTLS, stepLoss},
		{"certificate", whiptest.Config{TLS: true}, stepTLS, []string{"tls.ca_file"}, stepConnect, stepPost},
	} {
		all.Go(func() {
			t.Run(test.name, func(t *testing.T) {
				server := whiptest.NewServer(t, test.server)
				cfg := toWHIP(t, "digest", server)
				got := run(t, cfg)
				got.expect(t, Session, test.before, OK)
				got.expect(t, Session, test.step, Failed, test.words...)
				got.expect(t, Session, test.after, NotReached)
				got.expect(t, Camera, stepPicture, OK) // each side for itself
				for _, s := range server.Sessions() {
					s.WaitFor(t, "DELETE", func() bool { return s.Deletes() == 1 })
				}
			})
		})
	}
}

func mapLines(sdp, prefix string, change func(string) string) string {
	lines := strings.Split(sdp, "\r\n")
	for i, l := range lines {
		if strings.HasPrefix(l, prefix) {
			lines[i] = change(l)
		}
	}
	return strings.Join(lines, "\r\n")
}

func TestPinned(t *testing.T) {
	t.Parallel()
	server := whiptest.NewServer(t, whiptest.Config{TLS: true, Token: testToken})
	cfg := toWHIP(t, "digest", server)
	sum := sha256.Sum256(server.Certificate())
	cfg.Target.Media.TLS = whip.TLS{SHA256: hex.EncodeToString(sum[:])}
	got := run(t, cfg)
	got.expect(t, Session, stepTLS, OK, "pinned", "certificate until")
	got.expect(t, Session, stepDelete, OK)
}

// TestNothingToSend: without a picture the way to the server is looked at all the same,
// as far as that goes without one.
func TestNothingToSend(t *testing.T) {
	t.Parallel()
	server := whiptest.NewServer(t, whiptest.Config{Token: testToken})
	got := run(t, toWHIP(t, "wrong-password", server))
	got.expect(t, Session, stepClock, OK)
	got.expect(t, Session, stepPost, NotReached)
	if n := len(server.Requests(http.MethodPost)); n != 0 {
		t.Errorf("%d POSTs", n)
	}
}

// TestHanging: where each side hangs as long as it can, the run ends in time.
func TestHanging(t *testing.T) {
	t.Parallel()
	server := whiptest.NewServer(t, whiptest.Config{Script: func(r whiptest.Request) *whiptest.Reply { return &whiptest.Reply{Hang: true} }})
	got := run(t, toWHIP(t, "long-gop", server)) // which checks the time
	got.expect(t, Session, stepPost, Failed)
}

// liveKit is a server for tests, and a camera that goes there by an ingress.
func liveKit(t *testing.T, secret string) (*ingresstest.Server, *whiptest.Server, Config) {
	media := whiptest.NewServer(t, whiptest.Config{})
	server := ingresstest.Start()
	t.Cleanup(server.Close)
	server.WHIPBaseURL = media.URL()
	client, err := ingress.New(ingress.Config{URL: server.URL, APIKey: ingresstest.Key, APISecret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	cfg := of(start(t, "digest"))
	cfg.Target = &Target{Via: Ingress, LiveKitURL: server.URL, LiveKit: client, Camera: "gate", Room: "yard", WHIPURL: media.URL()}
	return server, media, cfg
}

func TestIngress(t *testing.T) {
	t.Parallel()
	server, media, cfg := liveKit(t, ingresstest.Secret)
	server.Make(ingress.Marker("", "gate"), "yard", "gate", true) // the camera's own
	// LiveKit notes the end of a session some time after its DELETE.
	var notes atomic.Int32
	server.Fault = func(method string, _ int) ingresstest.Fault {
		all := server.Ingresses("yard")
		if method != "ListIngress" || len(all) < 2 {
			return ingresstest.Fault{}
		}
		state := livekit.IngressState_ENDPOINT_PUBLISHING
		if s := media.Sessions(); len(s) > 0 && s[0].Deletes() > 0 {
			if notes.Add(1) > 3 {
				state = livekit.IngressState_ENDPOINT_INACTIVE
			}
		}
		server.SetState(all[1].IngressId, state)
		return ingresstest.Fault{}
	}
	server.Enter("yard", "gate")
	got := run(t, cfg)
	got.expect(t, LiveKit, stepGrants, OK, "room yard", "1 in it now")
	got.expect(t, LiveKit, stepIngress, OK, "rtsp2whip-doctor-gate")
	got.expect(t, Session, stepDelete, OK)
	got.expect(t, Room, stepSeen, Failed) // this server moves no media
	got.expect(t, Room, stepClean, OK)
	if left := server.Ingresses(""); len(left) != 1 || len(server.Killed()) != 0 || notes.Load() <= 3 {
		t.Errorf("left %v, killed %v, asked %d times", left, server.Killed(), notes.Load())
	}
}

func TestLiveKitRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		secret string
		change func(*ingresstest.Server)
		words  string
	}{
		{"secret", "another-secret-of-the-length-that-is-asked-for", func(*ingresstest.Server) {}, "API"},
		{"grants", ingresstest.Secret, func(s *ingresstest.Server) { s.NoGrants = true }, ""},
		{"redis", ingresstest.Secret, func(s *ingresstest.Server) { s.NoRedis = true }, "Redis"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, media, cfg := liveKit(t, test.secret)
			test.change(server)
			got := run(t, cfg)
			got.expect(t, LiveKit, stepClock, OK)
			got.expect(t, LiveKit, stepGrants, Failed, test.words)
			got.expect(t, LiveKit, stepIngress, NotReached)
			got.expect(t, Session, stepPost, NotReached)
			if len(media.Sessions())+len(server.Ingresses("")) != 0 {
				t.Error("something was begun all the same")
			}
		})
	}
}
