package rtspsrc_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

func TestAuth(t *testing.T) {
	const user, pass = "vie wer", `p@ss:/#?%41"word`
	cam := startCamera(t, cameraOptions{user: user, pass: pass})
	host := strings.TrimPrefix(cam.URL(), "rtsp://")
	for name, cfg := range map[string]rtspsrc.Config{
		"beside the URL": {URL: cam.URL(), Username: user, Password: pass},
		"in the URL":     {URL: "rtsp://vie%20wer:p%40ss%3A%2F%23%3F%2541%22word@" + host},
		"both":           {URL: "rtsp://someone:else@" + host, Username: user, Password: pass},
	} {
		t.Run(name, func(t *testing.T) {
			var got sink
			sess := play(t, newSource(t, cfg), &got)
			waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
			sess.Close()
		})
	}

	t.Run("wrong", func(t *testing.T) {
		cam.mu.Lock()
		before := cam.auths
		cam.mu.Unlock()
		_, err := newSource(t, rtspsrc.Config{URL: cam.URL(), Username: user, Password: "s3cr3t"}).Open(testContext(t))
		e := asError(t, err)
		if e.Status != 401 || !e.Slow() || !strings.Contains(e.Hint(), "refuses this user name or password") {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
		if strings.Contains(e.Error()+e.Hint(), "s3cr3t") {
			t.Errorf("the password is in the error: %v", e)
		}
		cam.mu.Lock()
		defer cam.mu.Unlock()
		if n := cam.auths - before; n != 1 {
			t.Errorf("the wrong password was tried %d times", n)
		}
	})

	t.Run("none", func(t *testing.T) {
		_, err := newSource(t, rtspsrc.Config{URL: cam.URL()}).Open(testContext(t))
		if e := asError(t, err); e.Status != 401 || !e.Slow() || !strings.Contains(e.Hint(), "wants a user name") {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})
}

func TestTLS(t *testing.T) {
	cam := startCamera(t, cameraOptions{tls: selfSigned(t)})

	_, err := newSource(t, rtspsrc.Config{URL: cam.URL()}).Open(testContext(t))
	e := asError(t, err)
	_, fp, ok := strings.Cut(e.Hint(), "tls.sha256 to ")
	if e.Op != "tls" || !errors.Is(err, rtspsrc.ErrCertificate) || !e.Slow() || !ok {
		t.Fatalf("%v (hint %q)", e, e.Hint())
	}

	for name, cfg := range map[string]rtspsrc.TLSConfig{
		"pin": {SHA256: fp}, "pin with colons": {SHA256: colons(fp)}, "insecure": {Insecure: true},
	} {
		t.Run(name, func(t *testing.T) {
			var got sink
			var blocked atomic.Int64
			sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), TLS: cfg, OnBlock: func() { blocked.Add(1) }}), &got)
			waitFor(t, "packets", func() bool { return got.count("H264") > 20 })
			if sess.Close(); blocked.Load() == 0 || !cam.saw("TEARDOWN") {
				t.Error("no OnBlock or no TEARDOWN")
			}
		})
	}

	t.Run("other pin", func(t *testing.T) {
		_, err := newSource(t, rtspsrc.Config{URL: cam.URL(), TLS: rtspsrc.TLSConfig{SHA256: strings.Repeat("0", 64)}}).Open(testContext(t))
		e := asError(t, err)
		if !errors.Is(err, rtspsrc.ErrCertificate) || !strings.Contains(e.Hint(), fp) {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})

	t.Run("plain port", func(t *testing.T) {
		plain := startCamera(t, cameraOptions{})
		_, err := newSource(t, rtspsrc.Config{URL: strings.Replace(plain.URL(), "rtsp:", "rtsps:", 1), RequestTimeout: time.Second}).Open(testContext(t))
		if e := asError(t, err); e.Op != "tls" {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})
	t.Run("plain client", func(t *testing.T) {
		_, err := newSource(t, rtspsrc.Config{URL: strings.Replace(cam.URL(), "rtsps:", "rtsp:", 1)}).Open(testContext(t))
		if e := asError(t, err); !strings.Contains(e.Hint(), "rtsps://") {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})
}

func colons(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(s[i : i+2]))
	}
	return b.String()
}
