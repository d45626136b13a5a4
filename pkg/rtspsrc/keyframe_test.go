package rtspsrc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// Each way of RTCP is asked for by its name, as often as wanted.
func TestRequestKeyFrameByRTCP(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	for _, how := range []rtspsrc.KeyFrameRequest{rtspsrc.PLI, rtspsrc.PLI, rtspsrc.FIR} {
		if err := sess.RequestKeyFrameBy(testContext(t), how); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "two PLI and a FIR", func() bool {
		return len(received[*rtcp.PictureLossIndication](cam)) == 2 && len(received[*rtcp.FullIntraRequest](cam)) == 1
	})
	if err := sess.RequestKeyFrameBy(testContext(t), rtspsrc.KeyFrameRequest(9)); err == nil {
		t.Error("a request that does not exist succeeded")
	}
}

// Axis's request is sent beside the library's own dialog, with the session, a number
// of its own and the newest nonce; the camera's answer is told.
func TestRenewStream(t *testing.T) {
	challenge := func(nonce string) string {
		return status("401 Unauthorized", "WWW-Authenticate: Digest realm=\"cam\", nonce=\""+nonce+"\"\r\n")[0]
	}
	cam := startScript(t, &script{answers: map[string][]string{
		"OPTIONS":       {challenge("first"), usual["OPTIONS"]},
		"SET_PARAMETER": {okAnswer, challenge("second"), okAnswer, status("451 Parameter Not Understood")[0], challenge("third"), challenge("fourth")},
	}})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), Username: "u", Password: "p"}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	for i, want := range []int{0, 0, 451, 401} {
		err := sess.RequestKeyFrameBy(testContext(t), rtspsrc.RenewStream)
		var e *rtspsrc.Error
		switch {
		case want == 0 && err != nil:
			t.Errorf("request %d: %v", i, err)
		case want != 0 && (!errors.As(err, &e) || e.Status != want || e.Op != "key frame"):
			t.Errorf("request %d: %v, want %d", i, err, want)
		}
		r := cam.last("SET_PARAMETER")
		for _, want := range []string{"Session: 1234\r\n", "Content-Type: text/parameters\r\n", "Content-Length: 19\r\n", "\r\n\r\nRenew-Stream: yes\r\n", "Digest "} {
			if !strings.Contains(r, want) {
				t.Errorf("request %d lacks %q:\n%s", i, want, r)
			}
		}
	}
	if n := cam.seen("SET_PARAMETER"); n != 6 {
		t.Errorf("%d requests, want 6: two are repeated with a new nonce, once each", n)
	}
	n := got.count("H264")
	waitFor(t, "more video", func() bool { return got.count("H264") > n+5 })
	sess.Close()
	cam.checkNumbers(t)
}

// A camera that does not answer costs no more than the caller's patience.
func TestRenewStreamUnanswered(t *testing.T) {
	cam := startScript(t, &script{answers: map[string][]string{"SET_PARAMETER": {"\r\n"}}})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
	defer cancel()
	if err := sess.RequestKeyFrameBy(ctx, rtspsrc.RenewStream); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	done := make(chan error, 1)
	go func() { done <- sess.RequestKeyFrameBy(context.Background(), rtspsrc.RenewStream) }()
	waitFor(t, "the second request", func() bool { return cam.seen("SET_PARAMETER") == 2 })
	sess.Close()
	if err := <-done; err == nil {
		t.Error("a request that the session's end has cut off succeeded")
	}
}
