package rtspsrc_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

func TestTunnels(t *testing.T) {
	for scheme, opts := range map[string]cameraOptions{
		"rtsp+http":  {user: "viewer", pass: "secret"},
		"rtsp+ws":    {user: "viewer", pass: "secret"},
		"rtsp+https": {tls: selfSigned(t)},
		"rtsp+wss":   {tls: selfSigned(t)},
	} {
		t.Run(scheme, func(t *testing.T) {
			cam := startCamera(t, opts)
			var blocked atomic.Int64
			src := newSource(t, rtspsrc.Config{
				URL: scheme + "://" + cam.addr + "/stream1", Username: opts.user, Password: opts.pass,
				TLS: rtspsrc.TLSConfig{Insecure: opts.tls != nil}, OnBlock: func() { blocked.Add(1) },
			})
			rtspsrc.SetReportEvery(src, 50*time.Millisecond)
			if src.URL() != scheme+"://"+cam.addr+"/stream1" {
				t.Errorf("URL %s", src.URL())
			}
			for range 2 {
				var got sink
				sess := playThrough(t, src, &got)
				waitFor(t, "packets", func() bool { return got.count("H264") > 30 && got.count("PCMU") > 20 })
				if st := sess.Stats(); st.Protocol != "tcp" || st.PacketsLost != 0 || st.JunkBytes != 0 {
					t.Errorf("%+v", st)
				}
				if err := sess.RequestKeyFrame(); err != nil {
					t.Error(err)
				}
				closeWithin(t, sess, 30*time.Second)
				got.mu.Lock()
				for _, d := range got.late {
					if d < 0 || d > time.Minute {
						t.Fatalf("a packet arrived %v ago", d)
					}
				}
				got.mu.Unlock()
			}
			waitFor(t, "TEARDOWN", func() bool { return cam.saw("TEARDOWN") })
			if blocked.Load() == 0 {
				t.Error("OnBlock was not called")
			}
		})
	}
}

// playThrough is play for a server that, when it is slow, refuses the second half
// of a tunnel because it has not noted the first.
func playThrough(t *testing.T, src *rtspsrc.Source, s *sink) *rtspsrc.Session {
	t.Helper()
	for range 3 {
		sess, err := src.Open(testContext(t))
		if errors.Is(err, io.EOF) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { sess.Close() })
		if err := sess.Play(testContext(t), sess.Tracks(), s.handle); err != nil {
			t.Fatal(err)
		}
		return sess
	}
	t.Fatal("the tunnel was closed three times")
	return nil
}

// TestWebSocketIsRepaired: junk, strange frames and bad heads, cut into messages at any
// place.
func TestWebSocketIsRepaired(t *testing.T) {
	for _, bytewise := range []bool{false, true} {
		cam := startScript(t, &script{
			answers: map[string][]string{"SETUP": {"RTSP/1.0 200 OK\nCSeq: %CSEQ%\nnonsense\nTransport: RTP/AVP/TCP;interleaved=0-1\nSession: 1\n\n"}},
			inject:  "junk", bytewise: bytewise,
		})
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			up := websocket.Upgrader{Subprotocols: []string{"rtsp.onvif.org"}}
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil { // nobody's
				t.Error(err)
			}
			cam.serve(&messages{Conn: c})
		}))
		var got sink
		sess := play(t, newSource(t, rtspsrc.Config{URL: "rtsp+ws" + strings.TrimPrefix(web.URL, "http") + "/x"}), &got)
		waitFor(t, "packets", func() bool { return got.count("H264") > 20 })
		st := sess.Stats()
		if st.PacketsLost > 0 || st.JunkBytes != 4 || st.FramesForeign == 0 || st.HeadersRepaired == 0 {
			t.Errorf("bytewise %v: %+v", bytewise, st)
		}
		sess.Close()
		web.Close()
	}
}

// messages is a WebSocket's binary messages as a connection.
type messages struct {
	*websocket.Conn
	rest    []byte
	writing sync.Mutex
}

func (m *messages) Read(p []byte) (n int, err error) {
	for len(m.rest) == 0 {
		if _, m.rest, err = m.ReadMessage(); err != nil {
			return 0, err
		}
	}
	n = copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (m *messages) Write(p []byte) (int, error) {
	m.writing.Lock()
	defer m.writing.Unlock()
	return len(p), m.WriteMessage(websocket.BinaryMessage, p)
}

func (m *messages) SetDeadline(time.Time) error { return nil }

func TestTunnelRefused(t *testing.T) {
	for answer, hint := range map[string]string{
		"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n":                               "opens no tunnel here",
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n": "wants a password before it opens a tunnel",
	} {
		for _, scheme := range []string{"rtsp+http://", "rtsp+ws://"} {
			cam := startScript(t, &script{raw: answer})
			e := refused(t, rtspsrc.Config{URL: scheme + cam.host + "/x", RequestTimeout: 30 * time.Second})
			if !e.Slow() || !strings.Contains(e.Hint(), hint) || !strings.HasPrefix(e.URL, scheme) {
				t.Errorf("%s: %v (hint %q)", scheme, e, e.Hint())
			}
		}
	}
	for _, transport := range []rtspsrc.Transport{rtspsrc.UDP, rtspsrc.Multicast} {
		_, err := rtspsrc.New(rtspsrc.Config{URL: "rtsp+http://10.0.0.1/", Transport: transport})
		if e := asError(t, err); e.Op != "config" || !strings.Contains(e.Hint(), "transport to auto") {
			t.Errorf("%v", err)
		}
	}
}
