package rawserver

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func portPair(n int) string { return strconv.Itoa(n) + "-" + strconv.Itoa(n+1) }

// recorded is a directory with the answers of a camera of our own.
func recorded(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"shed_describe.txt":    "RTSP/1.0 200 OK\r\nCSeq: 77\r\nContent-Type: application/sdp\r\nContent-Length: 28\r\n\r\nv=0\r\nm=video 0 RTP/AVP 100\r\n",
		"shed_setup_video.txt": "RTSP/1.0 200 OK\r\nCseq:  3\r\nSession:  4711;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=6-7\r\n\r\n",
		"barn_sdp.txt":         "v=0\r\n",
		"attic_play.txt":       "RTSP/1.0 200 OK\r\n\r\n",
		"README.txt":           "of no camera",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReplay(t *testing.T) {
	all, err := LoadRecordings(recorded(t))
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, chunk := range []int{0, 1, 3} {
		r := StartReplay(listen(t), all["shed"], film(t, "360p-baseline"), chunk)
		t.Cleanup(r.Close)
		c := dial(t, r.listener.Addr().String())
		c.want(200, "OPTIONS", r.URL())
		if a := c.want(200, "DESCRIBE", c.url); a.body != "v=0\r\nm=video 0 RTP/AVP 100\r\n" {
			t.Errorf("%q", a.body)
		}
		a := c.want(200, "SETUP", c.url)
		if s := a.header.Get("Session"); s != "4711;timeout=60" {
			t.Errorf("session %q", s)
		}
		if s := c.want(200, "PLAY", c.url).header.Get("Session"); s != "4711" {
			t.Errorf("session %q", s)
		}
		if f := c.frame(); f.channel != 6 || f.payload[1]&0x7f != 100 {
			t.Errorf("channel %d, payload type %d", f.channel, f.payload[1]&0x7f)
		}
		c.want(200, "TEARDOWN", c.url)
	}
	r := StartReplay(listen(t), all["barn"], nil, 0)
	t.Cleanup(r.Close)
	c := dial(t, r.listener.Addr().String())
	if a := c.setup(); a.header.Get("Transport") != interleaved[len("Transport: "):] || c.sess != "1" {
		t.Errorf("%+v", a)
	}
	if a := c.want(200, "DESCRIBE", c.url); a.body != "v=0\r\n" || a.header.Get("Content-Type") != "application/sdp" {
		t.Errorf("%+v", a)
	}
	if _, err := LoadRecordings(strings.Repeat("[", 3)); err == nil {
		t.Error("a directory with a bad name is read")
	}
}

// TestReplayOfRealCameras answers byte by byte with every recording that lies
// beside the project, if there are any.
func TestReplayOfRealCameras(t *testing.T) {
	all, err := LoadRecordings("../../../../shared/corpora/rtsp")
	if err != nil {
		t.Fatal(err)
	}
	for name, recording := range all {
		r := StartReplay(listen(t), recording, nil, 1)
		c := dial(t, r.listener.Addr().String())
		a := c.want(200, "DESCRIBE", c.url)
		if !strings.HasSuffix(recording["DESCRIBE"][0], a.body) || !strings.HasPrefix(a.body, "v=0") {
			t.Errorf("%s: %q", name, a.body)
		}
		c.setup()
		c.want(200, "PLAY", c.url)
		c.want(200, "TEARDOWN", c.url)
		r.Close()
	}
}
