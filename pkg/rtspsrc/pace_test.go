package rtspsrc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

func TestRefusedPasswordSlowsDown(t *testing.T) {
	challenge := status("401 Unauthorized", "WWW-Authenticate: Digest realm=\"cam\", nonce=\"n\"\r\n")[0]
	cam := startScript(t, &script{answers: map[string][]string{"OPTIONS": {challenge}}})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Username: "u", Password: "p"})
	var last time.Duration
	for n := range 8 {
		_, err := src.Open(testContext(t))
		e := asError(t, err)
		if e.Status != 401 || !e.Slow() {
			t.Fatalf("%v", e)
		}
		switch after := e.RetryAfter(); {
		case n == 0 && after != 0, n == 1 && after < time.Minute, n > 1 && after < min(2*last, 30*time.Minute), after > 30*time.Minute:
			t.Errorf("after refusal %d stay away %v", n+1, after)
		default:
			last = after
		}
	}
	if n := cam.seen("OPTIONS"); n != 16 {
		t.Errorf("%d requests for 8 attempts", n)
	}
	if r := cam.last("OPTIONS"); !strings.Contains(r, "Authorization: Digest") {
		t.Errorf("%s", r)
	}

	// Another Source, as after a change of the configuration, begins anew, and so
	// does one whose password was accepted in between.
	if e := refused(t, rtspsrc.Config{URL: cam.URL(), Username: "u", Password: "q"}); e.RetryAfter() != 0 {
		t.Errorf("a new source stays away %v", e.RetryAfter())
	}
	cam.set("OPTIONS", usual["OPTIONS"])
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	sess.Close()
	cam.set("OPTIONS", challenge)
	if _, err := src.Open(testContext(t)); asError(t, err).RetryAfter() != 0 {
		t.Errorf("after an acceptance: %v", err)
	}
}

func TestBusyCamera(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"453 Not Enough Bandwidth": 10 * time.Second, "503 Service Unavailable": 10 * time.Second,
	} {
		for _, header := range []string{"", "Retry-After: 33\r\n"} {
			cam := startScript(t, &script{answers: map[string][]string{"SETUP": status(line, header)}})
			e := refused(t, rtspsrc.Config{URL: cam.URL()})
			if header != "" {
				want = 33 * time.Second
			}
			if e.RetryAfter() != want || e.Slow() {
				t.Errorf("%s: retry after %v, slow %v", line, e.RetryAfter(), e.Slow())
			}
			if cam.seen("SETUP") != 1 {
				t.Errorf("%s: %d SETUPs", line, cam.seen("SETUP"))
			}
		}
	}
}

func TestSessionChangesBetweenSetups(t *testing.T) {
	cam := startScript(t, &script{answers: map[string][]string{
		"DESCRIBE": {describeAnswer("", usualSDP()+"m=audio 0 RTP/AVP 0\r\na=control:track2\r\n")},
		"SETUP": {
			setupAnswer("Session: first\r\n" + tcpTransport)[0],
			setupAnswer("Session: second;timeout=60\r\nTransport: RTP/AVP/TCP;interleaved=2-3\r\n")[0],
		},
		"PLAY": {okAnswer},
	}})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	sess.Close()
	for _, method := range []string{"PLAY", "TEARDOWN"} {
		if r := cam.last(method); !strings.Contains(r, "Session: second\r\n") {
			t.Errorf("%s", r)
		}
	}
}

func TestFramesAndLinesThatNobodyNeeds(t *testing.T) {
	lf := strings.ReplaceAll(usual["SETUP"], "\r\n", "\n")
	cam := startScript(t, &script{
		answers: map[string][]string{
			"OPTIONS":  {"RTSP/1.0 100 Continue\r\nCSeq: %CSEQ%\r\n\r\n" + usual["OPTIONS"]},
			"DESCRIBE": {strings.Replace(usual["DESCRIBE"], "Content-Type", "a line without colon\r\n: no name\r\nContent-Type", 1)},
			"SETUP":    {lf},
		},
		inject: "junk $\x00\x7f\x00 and more\x00",
	})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 12 })
	st := sess.Stats()
	if st.FramesForeign == 0 || st.PacketsUnusable == 0 || st.JunkBytes < 19 || st.HeadersRepaired < 2+4 || st.PacketsLost != 0 {
		t.Errorf("%+v", st)
	}
}
