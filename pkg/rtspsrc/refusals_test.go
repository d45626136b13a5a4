package rtspsrc_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

func TestRefusals(t *testing.T) {
	sdp := func(s string) []string { return []string{describeAnswer("", sdpHead+s)} }
	for _, tc := range []struct {
		name   string
		script *script
		is     error
		op     string
		status int
		slow   bool
		silent bool   // no answer comes, only the timeout ends it
		text   string // in the error
		hint   string // in the hint
	}{
		{name: "forbidden", script: &script{answers: map[string][]string{"DESCRIBE": status("403 Forbidden")}},
			op: "describe", status: 403, slow: true, text: "403 Forbidden", hint: "may not watch"},
		{name: "not found", script: &script{answers: map[string][]string{"DESCRIBE": status("404 Stream Not Found")}},
			op: "describe", status: 404, slow: true, text: "404 Not Found", hint: "no stream at this path"},
		{name: "not found at SETUP", script: &script{answers: map[string][]string{"SETUP": status("404 Not Found")}},
			op: "setup", status: 404, slow: true},
		{name: "sessions", script: &script{answers: map[string][]string{"SETUP": status("453 Not Enough Bandwidth")}},
			op: "setup", status: 453, hint: "no session left"},
		{name: "unavailable", script: &script{answers: map[string][]string{"DESCRIBE": status("503 x", "Retry-After: 7\r\n")}},
			op: "describe", status: 503, text: "503 Service Unavailable", hint: "no session left"},
		{name: "server error", script: &script{answers: map[string][]string{"PLAY": status("500 Oops")}},
			op: "play", status: 500, hint: "error of its own"},
		{name: "own status", script: &script{answers: map[string][]string{"PLAY": status("499 Out\x01 of coffee")}},
			op: "play", status: 499, text: "499 Out of coffee"},
		{name: "unknown authentication", script: &script{answers: map[string][]string{"OPTIONS": status("401 Unauthorized", "WWW-Authenticate: Kerberos x\r\n")}},
			op: "describe", status: 401, slow: true},
		{name: "H.265", script: &script{answers: map[string][]string{"DESCRIBE": sdp("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n")}},
			is: rtspsrc.ErrCodec, op: "describe", slow: true, text: "but H265", hint: "switch this stream to H.264"},
		{name: "MJPEG", script: &script{answers: map[string][]string{"DESCRIBE": sdp("m=video 0 RTP/AVP 26\r\n")}},
			is: rtspsrc.ErrCodec, op: "describe", slow: true, text: "JPEG", hint: "Motion JPEG"},
		{name: "audio only", script: &script{answers: map[string][]string{"DESCRIBE": sdp("m=audio 0 RTP/AVP 8\r\n")}},
			is: rtspsrc.ErrNoVideo, op: "describe", slow: true, hint: "check the path"},
		{name: "empty description", script: &script{answers: map[string][]string{"DESCRIBE": {describeAnswer("", "")}}}, op: "describe", slow: true},
		{name: "hopeless description", script: &script{answers: map[string][]string{"DESCRIBE": {describeAnswer("", "m=\r\nm=video\r\n\x00")}}}, op: "describe", slow: true},
		{name: "HTTP", script: &script{raw: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"},
			is: rtspsrc.ErrNotRTSP, op: "describe", slow: true, text: "but HTTP", hint: "web port"},
		{name: "SSH", script: &script{raw: "SSH-2.0-OpenSSH_9.9\r\n"}, is: rtspsrc.ErrNotRTSP, op: "describe", slow: true, silent: true, hint: "not an RTSP port"},
		{name: "TLS", script: &script{raw: "\x15\x03\x01\x00\x02\x02\x16"}, is: rtspsrc.ErrNotRTSP, op: "describe", slow: true, silent: true, hint: "rtsps://"},
		{name: "closes", script: &script{answers: map[string][]string{"OPTIONS": {""}}}, op: "describe", text: "closed the connection", hint: "without a word"},
		{name: "closes later", script: &script{answers: map[string][]string{"SETUP": {""}}}, op: "setup", text: "closed the connection", hint: "more viewers"},
		{name: "no answer", script: &script{answers: map[string][]string{"DESCRIBE": {"\r\n"}}}, op: "describe", silent: true, hint: "stopped answering"},
		{name: "broken answer", script: &script{answers: map[string][]string{"DESCRIBE": {"RTSP/1.0 banana\r\n\r\n"}}}, op: "describe"},
		{name: "transport missing", script: &script{answers: map[string][]string{"SETUP": setupAnswer("Session: 1\r\n")}}, op: "setup"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			timeout := 30 * time.Second
			if tc.silent {
				timeout = 2 * time.Second
			}
			cam := startScript(t, tc.script)
			e := refused(t, rtspsrc.Config{URL: cam.URL(), RequestTimeout: timeout, Transport: rtspsrc.TCP})
			if e.Op != tc.op || e.Status != tc.status || e.Slow() != tc.slow {
				t.Errorf("op %q status %d slow %v in %v", e.Op, e.Status, e.Slow(), e)
			}
			if !strings.Contains(e.Error(), tc.text) || !strings.Contains(e.Hint(), tc.hint) {
				t.Errorf("%v (hint %q)", e, e.Hint())
			}
			if tc.is != nil && !errors.Is(e, tc.is) {
				t.Errorf("%v is not %v", e, tc.is)
			}
			if tc.status == 503 && e.RetryAfter() != 7*time.Second {
				t.Errorf("retry after %v", e.RetryAfter())
			}
		})
	}
}

// refused opens and plays, which must fail.
func refused(t *testing.T, cfg rtspsrc.Config) *rtspsrc.Error {
	t.Helper()
	sess, err := newSource(t, cfg).Open(testContext(t))
	if err == nil {
		defer sess.Close()
		err = sess.Play(testContext(t), sess.Tracks(), new(sink).handle)
	}
	if err == nil {
		t.Fatal("no error")
	}
	return asError(t, err)
}
