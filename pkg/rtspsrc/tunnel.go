package rtspsrc

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// tunnelPause is the time between the two connections of an HTTP tunnel.
const tunnelPause = 50 * time.Millisecond

// tunnels are the schemes that lead through a camera's web server, and what is
// spoken inside: with TLS below everything, rtsps.
var tunnels = []struct {
	scheme, inner string
	tunnel        gortsplib.Tunnel
}{
	{"rtsp+http", "rtsp", gortsplib.TunnelHTTP},
	{"rtsp+https", "rtsps", gortsplib.TunnelHTTP},
	{"rtsp+ws", "rtsp", gortsplib.TunnelWebSocket},
	{"rtsp+wss", "rtsps", gortsplib.TunnelWebSocket},
}

// splitTunnel takes the tunnel out of a URL. scheme is "" if there is none.
func splitTunnel(s string) (inner, scheme string, tunnel gortsplib.Tunnel) {
	s = strings.TrimSpace(s)
	head, rest, ok := strings.Cut(s, "://")
	for _, t := range tunnels {
		if ok && strings.EqualFold(head, t.scheme) {
			return t.inner + "://" + rest, t.scheme, t.tunnel
		}
	}
	return s, "", gortsplib.TunnelNone
}

// clientTunnel is the tunnel that gortsplib makes; it knows nothing of a WebSocket.
func (s *Source) clientTunnel() gortsplib.Tunnel {
	if s.tunnel == gortsplib.TunnelWebSocket {
		return gortsplib.TunnelNone
	}
	return s.tunnel
}

// dialHost is the host, and where it needs one the port, that gortsplib dials.
func (s *Source) dialHost(u *base.URL) string {
	if s.tunnel == gortsplib.TunnelNone || u.Port() != "" {
		return u.Host
	}
	return s.hostPort(u)
}

// hostPort returns the address to dial.
func (s *Source) hostPort(u *base.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case s.tunnel != gortsplib.TunnelNone && u.Scheme == "rtsps":
		port = "443"
	case s.tunnel != gortsplib.TunnelNone:
		port = "80"
	case u.Scheme == "rtsps":
		port = "322"
	default:
		port = "554"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// noTunnel is the status with which a web server refuses a tunnel.
type noTunnel int

func (n noTunnel) Error() string {
	return fmt.Sprintf("the web server opens no tunnel: %d %s", int(n), http.StatusText(int(n)))
}

// explainTunnel adds what is known of a tunnel that was not opened.
func (l *link) explainTunnel(e *Error) bool {
	var no noTunnel
	if !errors.As(e.Err, &no) && !l.refusedByHTTP(&no) {
		return false
	}
	e.slow = true
	e.hint = "the camera's web server opens no tunnel here: check the port and the path, or use rtsp:// with the camera's RTSP port"
	if no == http.StatusUnauthorized {
		e.hint = "the camera's web server wants a password before it opens a tunnel, which is not supported: use rtsp:// or rtsps:// with the camera's RTSP port"
	}
	return true
}

// refusedByHTTP finds the status in the answer to an HTTP tunnel's GET.
func (l *link) refusedByHTTP(no *noTunnel) bool {
	w := l.wire.Load()
	if l.src.tunnel != gortsplib.TunnelHTTP || w == nil {
		return false
	}
	f := strings.Fields(string(w.firstBytes()))
	if len(f) < 2 || !strings.HasPrefix(f[0], "HTTP/1.") || f[1] == "200" {
		return false
	}
	n, _ := strconv.Atoi(f[1])
	*no = noTunnel(n)
	return true
}
