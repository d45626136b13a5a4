package onvif

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
)

func loopback(t *testing.T) net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, ifc := range all {
		if ifc.Flags&net.FlagLoopback != 0 {
			return ifc
		}
	}
	t.Fatal("no loopback interface")
	return net.Interface{}
}

// Devices on the link are found once each, with the address that they answer from,
// whatever they say themselves.
func TestDiscover(t *testing.T) {
	lo := loopback(t)
	a, err := camsim.Announce(&lo,
		camsim.Announced{Addr: "127.0.53.2", XAddrs: "http://192.0.2.7:8000/onvif/device_service http://127.0.53.2/onvif/device_service",
			Scopes: "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Acme%20Cameras onvif://www.onvif.org/hardware/Eye%202 onvif://www.onvif.org/location/country/china"},
		camsim.Announced{Addr: "127.0.53.1", XAddrs: "http://192.0.2.8:8080/onvif/device_service", Scopes: "onvif://www.onvif.org/name/%1b[31mred%"},
		camsim.Announced{Addr: "127.0.53.1", XAddrs: "ftp://192.0.2.9/"},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var found []Found
	for _, patience := range []time.Duration{time.Second, 5 * time.Second, 30 * time.Second} { // a busy machine answers late
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		found, err = Discover(ctx, []net.Interface{lo})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		found = slices.DeleteFunc(found, func(f Found) bool { // other tests may announce theirs at the same time
			return !strings.HasPrefix(f.Address.String(), "127.0.53.")
		})
		if len(found) >= 2 {
			break
		}
	}
	if len(found) != 2 {
		t.Fatalf("found %+v", found)
	}
	if f := found[1]; f.URL != "http://127.0.53.2/onvif/device_service" || f.Name != "Acme Cameras" || f.Hardware != "Eye 2" || f.Location != "china" || f.Interface != lo.Name {
		t.Errorf("%+v", f)
	}
	if f := found[0]; f.URL != "http://127.0.53.1:8080/onvif/device_service" || strings.ContainsRune(f.Name, 0x1b) {
		t.Errorf("%+v", f)
	}
}

func TestDiscoverNowhere(t *testing.T) {
	if _, err := Discover(t.Context(), nil); err == nil {
		t.Error("no error without an interface")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Discover(ctx, []net.Interface{{Index: 12345, Name: "none0"}}); err == nil {
		t.Error("no error from an interface that is not there")
	}
}

// listenBeside binds the port of discovery at one address, also while a test of another
// package has announcers there, at all addresses.
func listenBeside(t *testing.T, host string) *net.UDPConn {
	t.Helper()
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if failed := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }); failed != nil {
			return failed
		}
		return err
	}}
	conn, err := share.ListenPacket(t.Context(), "udp4", net.JoinHostPort(host, strconv.Itoa(discoveryPort)))
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*net.UDPConn)
}

// One host is asked where its device service is.
func TestLocate(t *testing.T) {
	conn := listenBeside(t, "127.0.0.9")
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxDatagram)
		n, from, err := conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		_, id, _ := strings.Cut(string(buf[:n]), "MessageID>")
		id, _, _ = strings.Cut(id, "<")
		_, _ = conn.WriteToUDP([]byte(match(id, "http://192.0.2.7:8000/onvif/device_service")), from)
	}()
	defer func() { _ = conn.Close(); <-done }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f, err := Locate(ctx, "127.0.0.9")
	if err != nil || f.URL != "http://127.0.0.9:8000/onvif/device_service" {
		t.Errorf("%+v, %v", f, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if f, err := Locate(short, "127.0.0.10"); err == nil {
		t.Errorf("found %+v where nothing is", f)
	}
	if _, err := Locate(short, "no such host"); err == nil || errors.Is(err, ErrNotONVIF) {
		t.Errorf("%v", err)
	}
}
