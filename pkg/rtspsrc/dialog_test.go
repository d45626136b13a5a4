package rtspsrc_test

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// quickSetup asks for a keep-alive every second.
var quickSetup = setupAnswer("Session: 1234;timeout=2\r\n" + tcpTransport)

// keepAlives returns the requests after PLAY.
func (s *script) keepAlives() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	playing := false
	for _, r := range s.requests {
		if playing && !strings.HasPrefix(r, "TEARDOWN") && !strings.HasPrefix(r, "RTSP/") {
			out = append(out, r)
		}
		playing = playing || strings.HasPrefix(r, "PLAY ")
	}
	return out
}

var cseqRe = regexp.MustCompile(`CSeq: (\d+)`)

// checkNumbers fails unless every request has the number after the last one's.
func (s *script) checkNumbers(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.requests {
		if m := cseqRe.FindStringSubmatch(r); m == nil || m[1] != strconv.Itoa(i+1) {
			t.Errorf("request %d: %s", i+1, r)
		}
	}
}

func TestKeepAliveMethods(t *testing.T) {
	const get = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
	public := func(methods string) string {
		return "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\nPublic: " + methods + "\r\n\r\n"
	}
	for name, tc := range map[string]struct {
		answers map[string][]string
		want    string
	}{
		"GET_PARAMETER where it is known": {map[string][]string{"OPTIONS": {public(get)}}, "GET_PARAMETER GET_PARAMETER"},
		"OPTIONS where it is not":         {nil, "OPTIONS OPTIONS"},
		"refused": {map[string][]string{"OPTIONS": {public(get)}, "GET_PARAMETER": status("405 Method Not Allowed")},
			"GET_PARAMETER OPTIONS"},
		"bad request":  {map[string][]string{"OPTIONS": {public("PLAY"), status("400 Bad Request")[0]}}, "OPTIONS GET_PARAMETER"},
		"unanswered":   {map[string][]string{"OPTIONS": {public("PLAY"), "\r\n"}, "GET_PARAMETER": {"\r\n"}}, "OPTIONS GET_PARAMETER"},
		"session gone": {map[string][]string{"OPTIONS": {public("PLAY"), status("454 Session Not Found")[0]}}, "OPTIONS GET_PARAMETER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.answers == nil {
				tc.answers = map[string][]string{}
			}
			tc.answers["SETUP"] = quickSetup
			cam := startScript(t, &script{answers: tc.answers})
			var got sink
			sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
			waitFor(t, "keep-alives", func() bool { return len(cam.keepAlives()) >= 2 })
			var methods []string
			for _, r := range cam.keepAlives()[:2] {
				m, _, _ := strings.Cut(r, " ")
				methods = append(methods, m)
				if !strings.Contains(r, "Session: 1234\r\n") {
					t.Errorf("%s", r)
				}
			}
			if got := strings.Join(methods, " "); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			n := got.count("H264")
			waitFor(t, "more video", func() bool { return got.count("H264") > n+5 })
			if err := sess.Err(); err != nil {
				t.Error(err)
			}
			sess.Close()
			cam.checkNumbers(t)
		})
	}
}

func TestKeepAliveWithStaleNonce(t *testing.T) {
	challenge := func(nonce string) string {
		return "WWW-Authenticate: Digest realm=\"cam\", nonce=\"" + nonce + "\", stale=true\r\n"
	}
	cam := startScript(t, &script{answers: map[string][]string{
		"OPTIONS": {
			status("401 Unauthorized", challenge("first"))[0], usual["OPTIONS"],
			// the first keep-alive, and its repetition
			status("401 Unauthorized", challenge("second"))[0], usual["OPTIONS"],
			// a camera that refuses all the same is not asked a third time at once
			status("401 Unauthorized", challenge("third"))[0], status("401 Unauthorized", challenge("fourth"))[0],
			usual["OPTIONS"],
		},
		"SETUP": quickSetup,
	}})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), Username: "u", Password: "p"}), &got)
	waitFor(t, "keep-alives", func() bool { return len(cam.keepAlives()) >= 5 })
	for i, nonce := range []string{"first", "second", "second", "third", "fourth"} {
		if r := cam.keepAlives()[i]; !strings.Contains(r, `nonce="`+nonce+`"`) {
			t.Errorf("keep-alive %d has another nonce than %s:\n%s", i, nonce, r)
		}
	}
	sess.Close()
	if cam.seen("TEARDOWN") != 1 || !strings.Contains(cam.last("TEARDOWN"), `nonce="fourth"`) {
		t.Errorf("%s", cam.last("TEARDOWN"))
	}
	cam.checkNumbers(t)
}

// A TEARDOWN with a nonce that has expired is sent once more: the camera would keep the
// session otherwise.
func TestTeardownWithStaleNonce(t *testing.T) {
	challenge := func(nonce string) string {
		return "WWW-Authenticate: Digest realm=\"cam\", nonce=\"" + nonce + "\", stale=true\r\n"
	}
	for name, tt := range map[string]struct {
		answers []string
		want    int
	}{
		"accepted":       {[]string{usual["TEARDOWN"]}, 1},
		"stale":          {[]string{status("401 Unauthorized", challenge("second"))[0], usual["TEARDOWN"]}, 2},
		"always refused": {status("401 Unauthorized", challenge("second")), 2},
	} {
		t.Run(name, func(t *testing.T) {
			cam := startScript(t, &script{answers: map[string][]string{
				"OPTIONS":  {status("401 Unauthorized", challenge("first"))[0], usual["OPTIONS"]},
				"TEARDOWN": tt.answers,
			}})
			var got sink
			src := newSource(t, rtspsrc.Config{URL: cam.URL(), Username: "u", Password: "p"})
			rtspsrc.SetTeardownWait(src, time.Hour)
			sess := play(t, src, &got)
			waitFor(t, "video", func() bool { return got.count("H264") > 2 })
			closeWithin(t, sess, 30*time.Second) // TEARDOWN is answered
			if n := cam.seen("TEARDOWN"); n != tt.want || n > 1 && !strings.Contains(cam.last("TEARDOWN"), `nonce="second"`) {
				t.Errorf("%d TEARDOWN, the last one:\n%s", n, cam.last("TEARDOWN"))
			}
			cam.checkNumbers(t)
		})
	}
}

func TestAnswersWithOddNumbers(t *testing.T) {
	wrong := map[string][]string{}
	for m, a := range usual {
		wrong[m] = []string{strings.Replace(a, "%CSEQ%", "77", 1)}
	}
	twice := map[string][]string{"DESCRIBE": {usual["DESCRIBE"] + usual["DESCRIBE"]}, "SETUP": {usual["SETUP"] + okAnswer}}
	for name, answers := range map[string]map[string][]string{"always the same": wrong, "answered twice": twice} {
		t.Run(name, func(t *testing.T) {
			cam := startScript(t, &script{answers: answers})
			var got sink
			play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), RequestTimeout: 30 * time.Second}), &got)
			waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
		})
	}
}

func TestRequestsOfTheCamera(t *testing.T) {
	request := func(method, headers string) string {
		return method + " rtsp://%HOST%/live/ch0 RTSP/1.0\r\nCSeq: 42\r\n" + headers + "\r\n"
	}
	for method, want := range map[string]int{
		"OPTIONS": 200, "GET_PARAMETER": 200, "SET_PARAMETER": 200, "ANNOUNCE": 200, "PLAY_NOTIFY": 501, "SETUP": 501,
	} {
		t.Run(method, func(t *testing.T) {
			cam := startScript(t, &script{inject: request(method, "Content-Length: 4\r\n") + "a: b"})
			var got sink
			sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
			waitFor(t, "our answer", func() bool { return cam.seen("RTSP/1.0") == 1 })
			if a := cam.last("RTSP/1.0"); !strings.HasPrefix(a, fmt.Sprintf("RTSP/1.0 %d ", want)) || !strings.Contains(a, "CSeq: 42\r\n") {
				t.Errorf("%s", a)
			}
			n := got.count("H264")
			waitFor(t, "more video", func() bool { return got.count("H264") > n+5 })
			if sess.Err() != nil {
				t.Error(sess.Err())
			}
		})
	}

	t.Run("TEARDOWN", func(t *testing.T) {
		cam := startScript(t, &script{inject: request("TEARDOWN", "")})
		sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), new(sink))
		<-sess.Done()
		if e := asError(t, sess.Err()); !errors.Is(e, rtspsrc.ErrEnded) || e.Slow() {
			t.Errorf("%v", e)
		}
	})

	t.Run("REDIRECT", func(t *testing.T) {
		end := startScript(t, &script{})
		cam := startScript(t, &script{inject: request("REDIRECT", "Location: "+end.URL()+"\r\n")})
		src := newSource(t, rtspsrc.Config{URL: cam.URL()})
		sess := play(t, src, new(sink))
		<-sess.Done()
		if e := asError(t, sess.Err()); !errors.Is(e, rtspsrc.ErrRedirected) || e.Slow() || cam.seen("TEARDOWN") != 1 {
			t.Errorf("%v", e)
		}
		var got sink
		sess = play(t, src, &got)
		waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
		sess.Close()
		if end.seen("PLAY") != 1 {
			t.Error("the redirection was not followed")
		}
		play(t, src, new(sink)) // only once
		if end.seen("PLAY") != 1 || cam.seen("PLAY") != 2 {
			t.Errorf("%d and %d sessions", end.seen("PLAY"), cam.seen("PLAY"))
		}
	})

	t.Run("REDIRECT nowhere", func(t *testing.T) {
		cam := startScript(t, &script{inject: request("REDIRECT", "")})
		src := newSource(t, rtspsrc.Config{URL: cam.URL()})
		sess := play(t, src, new(sink))
		<-sess.Done()
		if e := asError(t, sess.Err()); !errors.Is(e, rtspsrc.ErrRedirected) {
			t.Errorf("%v", e)
		}
		play(t, src, new(sink))
	})
}

func TestOldMedia(t *testing.T) {
	old := string(frame(0, []byte("the video of another session")))
	t.Run("TCP", func(t *testing.T) {
		cam := startScript(t, &script{answers: map[string][]string{"OPTIONS": {old + usual["OPTIONS"]}}})
		e := refused(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.TCP})
		if !errors.Is(e, rtspsrc.ErrOldMedia) || e.Slow() || e.RetryAfter() < time.Minute || !strings.Contains(e.Hint(), "stops by itself") {
			t.Errorf("%v, retry after %v (hint %q)", e, e.RetryAfter(), e.Hint())
		}
	})
	for name, answers := range map[string]map[string][]string{
		"auto, at once":  {"OPTIONS": {old + usual["OPTIONS"]}},
		"auto, at SETUP": {"SETUP": {"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			udp := setupAnswer("Session: 1\r\nTransport: RTP/AVP;unicast;client_port=%PORT%\r\n")[0]
			if answers["SETUP"] != nil {
				udp = old + udp
			}
			answers["SETUP"] = []string{udp}
			cam := startScript(t, &script{answers: answers, datagrams: func(send func([]byte)) {
				for seq := range uint16(20) {
					send(videoPacket(t, seq, 100))
				}
			}})
			src := newSource(t, rtspsrc.Config{URL: cam.URL()})
			var got sink
			sess := play(t, src, &got)
			waitFor(t, "packets", func() bool { return got.count("H264") == 20 })
			if st := sess.Stats(); st.Protocol != "udp" || st.FramesForeign == 0 {
				t.Errorf("%+v", st)
			}
			sess.Close()
			play(t, src, &got) // UDP was an evasion: TCP is tried first again
			if n := cam.seen("OPTIONS"); n != 4 {
				t.Errorf("%d connections", n)
			}
		})
	}
}
