package keyframe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtsp2whip/rtsp2whip/internal/camhttp"
	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
)

// These need addresses of the loopback network that only Linux has ready.

func deviceAt(t *testing.T, addr string) (*camsim.Camera, func() error) {
	t.Helper()
	cam, err := camsim.Start(camsim.Config{Addr: addr + ":0", Username: "viewer", Password: "secret", Web: camsim.Web{ONVIF: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cam.Stop)
	ask := Camera{
		RTSP: parse(t, cam.URL()), Username: "viewer", Password: "secret",
		HTTP: camhttp.New(camhttp.Config{Username: "viewer", Password: "secret"}),
	}.Asks()[ONVIF]
	return cam, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return ask(ctx, func() {})
	}
}

// The camera says where its device service is.
func TestDeviceServiceIsTold(t *testing.T) {
	cam, ask := deviceAt(t, "127.0.55.1")
	// Other packages' tests may have announcers at all addresses just now.
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if failed := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }); failed != nil {
			return failed
		}
		return err
	}}
	listener, err := share.ListenPacket(t.Context(), "udp4", "127.0.55.1:3702")
	if err != nil {
		t.Fatal(err)
	}
	conn := listener.(*net.UDPConn)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		n, from, err := conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		_, id, _ := strings.Cut(string(buf[:n]), "MessageID>")
		id, _, _ = strings.Cut(id, "<")
		_, _ = conn.WriteToUDP(fmt.Appendf(nil, `<E><Header><RelatesTo>%s</RelatesTo></Header><Body><ProbeMatches><ProbeMatch><XAddrs>%s/onvif/device_service</XAddrs></ProbeMatch></ProbeMatches></Body></E>`,
			id, strings.Replace(cam.WebURL(), "127.0.55.1", "192.0.2.1", 1)), from)
	}()
	defer func() { _ = conn.Close(); <-done }()
	for range 2 { // found once, asked twice
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if n := cam.WebStats().KeyFrames; n != 2 {
		t.Errorf("%d key frames", n)
	}
}

// A camera that does not say is asked at the usual ports; whatever else listens
// there does not learn of the account.
func TestDeviceServiceIsLookedFor(t *testing.T) {
	// Its ports are fixed: another run of this test may be at them.
	host := fmt.Sprintf("127.55.%d.%d", os.Getpid()>>8&0xff, os.Getpid()&0xff)
	cam, ask := deviceAt(t, host)
	var told atomic.Int32
	listen := func(port string, h http.Handler) {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		s := &httptest.Server{Listener: ln, Config: &http.Server{Handler: h}}
		s.Start()
		t.Cleanup(s.Close)
	}
	listen("8000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			told.Add(1)
		}
		w.Header().Set("WWW-Authenticate", `Digest realm="other", nonce="x", qop="auth"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	listen("2020", httputil.NewSingleHostReverseProxy(parse(t, cam.WebURL())))
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if n := cam.WebStats().KeyFrames; n != 1 || told.Load() != 0 {
		t.Errorf("%d key frames, the account was given away %d times", n, told.Load())
	}
}
