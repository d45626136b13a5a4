package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hostileWait bounds every wait.
const hostileWait = 30 * time.Second

// listening serves a on loopback until the test ends.
func listening(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(hostileWait))
	return c
}

// Who sends a header byte by byte is cut off after ReadHeaderTimeout.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	c := dial(t, listening(t, newAPI(t).Server))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c)
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nX-Slow: ")
	for {
		select {
		case <-gone:
			if d := time.Since(begin); d > hostileWait-time.Second {
				t.Errorf("after %v", d)
			}
			return
		case <-tick.C:
			_, _ = c.Write([]byte("x"))
		}
	}
}

// What is too large is refused before it is read.
func TestLargeRequests(t *testing.T) {
	address := listening(t, newAPI(t).Server)
	for name, c := range map[string]struct {
		request string
		want    string
	}{
		"header":       {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Pad: " + strings.Repeat("x", 1<<20), " 431 "},
		"body":         {"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000000\r\n\r\n", " 413 "},
		"chunked body": {"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\ntoken=" + strings.Repeat("x", 1<<20-6) + "\r\n0\r\n\r\n", " 400 "},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, address)
			go func() { _, _ = io.WriteString(conn, c.request) }()
			line, err := bufio.NewReader(conn).ReadString('\n')
			if !strings.Contains(line, c.want) {
				t.Errorf("%q, %v; want %q", line, err, c.want)
			}
		})
	}
}

// So many may follow the events, and no more.
func TestManyFollowers(t *testing.T) {
	address := "http://" + listening(t, newAPI(t).Server)
	for range maxSubscribers {
		_, done := sse(t, address, "")
		t.Cleanup(done)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(address + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one more follower: %s", res.Status)
	}
}

// Whoever opens connections and says nothing gets so many; the next one waits until
// one of them is closed.
func TestManyConnections(t *testing.T) {
	address := listening(t, newAPI(t).Server)
	ask := func(c net.Conn) error {
		if _, err := fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if err == nil && !strings.Contains(line, " 200 ") && !strings.Contains(line, " 429 ") {
			err = fmt.Errorf("it says %q", line)
		}
		return err
	}
	var open []net.Conn
	for range maxConnections {
		c := dial(t, address)
		if err := ask(c); err != nil { // the connection is accepted
			t.Fatal(err)
		}
		open = append(open, c)
	}
	next := dial(t, address)
	_ = next.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if err := ask(next); err == nil {
		t.Errorf("connection %d is served", maxConnections+1)
	}
	_ = open[0].Close()
	_ = next.SetReadDeadline(time.Now().Add(hostileWait))
	if _, err := bufio.NewReader(next).ReadString('\n'); err != nil {
		t.Errorf("after another one has gone: %v", err)
	}
}
