package rtspsrc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// clients counts gortsplib's clients in this process.
func clients() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "gortsplib/v5.(*Client).run(")
}

// TestNoClientWithoutAnAnswer: a camera that does not answer costs a connection and
// nothing else, while it is waited for too.
func TestNoClientWithoutAnAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	asked := make(chan string, 1)
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		c, err := silent.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		asked <- string(buf[:n])
		_, _ = io.Copy(io.Discard, c)
	})
	before := clients()
	src := newSource(t, rtspsrc.Config{URL: "rtsp://u:s3cr3t@" + silent.Addr().String() + "/live", RequestTimeout: time.Minute})
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := src.Open(ctx)
		failed <- err
	}()
	request := <-asked
	if want := "OPTIONS rtsp://" + silent.Addr().String() + "/live RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: rtsp2whip\r\n\r\n"; request != want {
		t.Errorf("the first request is %q, want %q", request, want)
	}
	if n := clients(); n > before {
		t.Errorf("%d clients while a camera keeps silent", n-before)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSilentCamera(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	e := refused(t, rtspsrc.Config{URL: "rtsp://" + silent.Addr().String() + "/x", RequestTimeout: 200 * time.Millisecond})
	if e.Op != "describe" || !strings.Contains(e.Hint(), "stopped answering") || !strings.Contains(e.Error(), "timed out") || e.Slow() {
		t.Errorf("%v (hint %q)", e, e.Hint())
	}
}

// hidden is a connection that cannot be looked into, as those of a caller's own
// DialContext may be.
type hidden struct{ net.Conn }

func TestConnectionsOfAnotherKind(t *testing.T) {
	cam := startScript(t, &script{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return hidden{c}, err
	}})
	s, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := cam.seen("OPTIONS"); n != 1 {
		t.Errorf("%d OPTIONS, want one", n)
	}
	if n := cam.seen("DESCRIBE"); n != 1 {
		t.Errorf("%d DESCRIBE, want one", n)
	}
}
