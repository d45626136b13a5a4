package whip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// fault is something that goes wrong at one step of an exchange.
type fault struct {
	name   string
	server whiptest.Config
	cfg    func(server *whiptest.Server) Config // nil for the plain one
	wire   func(conn net.Conn)                  // in place of the server: what happens to each connection
	lives  bool                                 // the session comes up, and is ended by what follows
	silent bool                                 // what follows is that nothing is heard any more
	then   func(t *testing.T, server *whiptest.Server, s *Session)
	cancel func(server *whiptest.Server) bool // Publish is given up once this is true
}

// timeouts makes what hangs be given up soon, and gives what does not all the time that
// a busy machine may take.
func (f fault) timeouts() Timeouts {
	t := Timeouts{
		HTTP: testWait, Gather: 200 * time.Millisecond, Connect: 600 * time.Millisecond, Direct: 200 * time.Millisecond,
		Restart: 700 * time.Millisecond, Disconnect: 600 * time.Millisecond, Delete: 300 * time.Millisecond,
	}
	if f.wire != nil {
		t.HTTP = 400 * time.Millisecond
	}
	if f.lives {
		t.Connect, t.Disconnect = testWait, testWait
	}
	if f.silent {
		t.Disconnect = 600 * time.Millisecond
	}
	return t
}

// Whatever goes wrong at whatever step, no goroutine and no socket is left behind here
// and no session there.
func TestNothingIsLeftBehind(t *testing.T) {
	warm := whiptest.NewServer(t, whiptest.Config{})
	_ = publish(t, warm, Config{}, videoTrack).Close(t.Context()) // what the runtime opens once
	warm.Close()
	faults := append(append(wireFaults(t), replyFaults(t)...), laterFaults()...)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			before, goroutines := openSockets(t), goleak.IgnoreCurrent()
			f.play(t)
			eventually(t, "all sockets to be closed", func() bool { return openSockets(t) <= before })
			if err := goleak.Find(goroutines); err != nil {
				t.Error(err)
			}
		})
	}
}

// play goes through an exchange with the fault.
func (f fault) play(t *testing.T) {
	t.Helper()
	server, stop := whiptest.Start(f.server)
	defer stop()
	cfg := Config{Endpoint: server.URL()}
	if f.cfg != nil {
		cfg = f.cfg(server)
	}
	if f.wire != nil {
		endpoint, end := listenFor(t, f.wire)
		defer end()
		cfg.Endpoint = strings.Replace(cfg.Endpoint, server.URL(), "http://"+endpoint+"/whip", 1)
		cfg.Endpoint = strings.Replace(cfg.Endpoint, "ENDPOINT", endpoint, 1)
	}
	cfg.Timeouts = f.timeouts()
	client, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	if f.cancel != nil {
		over := make(chan struct{})
		defer func() { <-over }()
		go func() {
			defer close(over)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for !f.cancel(server) && ctx.Err() == nil {
				<-tick.C
			}
			cancel()
		}()
	}
	s, err := client.Publish(ctx, []Track{videoTrack})
	switch {
	case f.lives && err != nil:
		t.Fatal(err)
	case !f.lives && err == nil:
		_ = s.Close(ctx)
		t.Fatal("published")
	case err == nil:
		f.end(t, server, s)
	default:
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%v is a %T", err, err)
		}
	}
	for _, session := range server.Sessions() {
		n := 0
		for _, r := range server.Requests(http.MethodDelete) {
			if r.Path == session.Path() {
				n++
			}
		}
		if n != 1 {
			t.Errorf("a session had %d DELETE", n)
		}
	}
}

func (f fault) end(t *testing.T, server *whiptest.Server, s *Session) {
	t.Helper()
	if f.then != nil {
		f.then(t, server, s)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// listenFor does to each connection what the fault does; end waits for that.
func listenFor(t *testing.T, f func(net.Conn)) (address string, end func()) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var open []net.Conn
		defer func() {
			for _, c := range open {
				_ = c.Close()
			}
		}()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, c)
			f(c)
		}
	}()
	return l.Addr().String(), func() { _ = l.Close(); <-done }
}

// openSockets counts this process's sockets.
func openSockets(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// wireFaults are those before there is a reply.
func wireFaults(t *testing.T) []fault {
	taken, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	port := taken.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	plain := func(change func(*Config)) func(*whiptest.Server) Config {
		return func(server *whiptest.Server) Config {
			cfg := Config{Endpoint: server.URL()}
			change(&cfg)
			return cfg
		}
	}
	dial := func(err error) func(*whiptest.Server) Config {
		return plain(func(c *Config) {
			c.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
				DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}}
		})
	}
	https := plain(func(c *Config) { c.Endpoint = "https://ENDPOINT/whip" })
	request := make([]byte, 64<<10)
	respond := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(request)
			_, _ = c.Write([]byte(text))
			_ = c.Close()
		}
	}
	reset := func(c net.Conn) {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	return []fault{
		{name: "no such interface", cfg: plain(func(c *Config) { c.Interfaces = []string{"none0"} })},
		{name: "no port left", cfg: plain(func(c *Config) { c.UDPPorts = [2]uint16{port, port} })},
		{name: "a bad ICE server", cfg: plain(func(c *Config) { c.ICEServers = []ICEServer{{URL: "turn:127.0.0.1"}} })},
		{name: "no token", cfg: plain(func(c *Config) {
			c.Token = func(context.Context) (string, error) { return "", errors.New("no token") }
		})},
		{name: "DNS", cfg: dial(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true})},
		{name: "TCP refused", cfg: func(s *whiptest.Server) Config {
			url := s.URL()
			s.Close()
			return Config{Endpoint: url}
		}},
		{name: "TLS hangs", cfg: https, wire: func(net.Conn) {}},
		{name: "TLS is reset", cfg: https, wire: reset},
		{name: "TLS is none", cfg: https, wire: respond("HTTP/1.1 400 Bad Request\r\n\r\n")},
		{name: "an unknown certificate", server: whiptest.Config{TLS: true}},
		{name: "the request is reset", wire: reset},
		{name: "no reply", wire: func(net.Conn) {}},
		{name: "the reply is reset", wire: func(c net.Conn) { _, _ = c.Read(request); reset(c) }},
		{name: "the reply is no HTTP", wire: respond("SSH-2.0-OpenSSH\r\n")},
		{name: "half a header", wire: respond("HTTP/1.1 201 Created\r\nContent-Ty")},
		{name: "the body hangs", wire: func(c net.Conn) {
			_, _ = c.Read(request)
			_, _ = c.Write([]byte("HTTP/1.1 201 Created\r\nContent-Type: application/sdp\r\nContent-Length: 100\r\n\r\nv=0\r\n"))
		}},
		{name: "redirected without end", wire: respond("HTTP/1.1 307 Temporary Redirect\r\nLocation: /whip?\r\nContent-Length: 0\r\n\r\n")},
	}
}

// replyFaults are those of the reply to the POST, and of what follows from it.
func replyFaults(t *testing.T) []fault {
	var out []fault
	for _, status := range []int{200, 204, 301, 307, 400, 401, 403, 404, 405, 406, 409, 415, 422, 429, 500, 502, 503, 599} {
		out = append(out, fault{name: fmt.Sprintf("status %d", status), server: whiptest.Config{Script: to(http.MethodPost, &whiptest.Reply{Status: status})}})
	}
	for name, header := range map[string]http.Header{
		"no Location":  {"Content-Type": {sdpType}},
		"a wrong type": {"Content-Type": {"text/html"}},
	} {
		out = append(out, fault{name: name, server: whiptest.Config{Script: to(http.MethodPost, &whiptest.Reply{Status: 201, Header: header, Body: "v=0\r\n"})}})
	}
	answers := map[string]func(string) string{
		"an empty answer":       func(string) string { return "" },
		"an answer too large":   func(s string) string { return s + strings.Repeat("a=x\r\n", maxBody/4) },
		"no SDP":                func(string) string { return "hello" },
		"a rejected track":      replace("m=video 9", "m=video 0"),
		"no mux":                remove("a=rtcp-mux"),
		"no fingerprint":        remove("a=fingerprint:.*"),
		"a wrong fingerprint":   spoilFingerprint,
		"no credentials":        remove("a=ice-(ufrag|pwd):.*"),
		"wrong credentials":     replace("a=ice-pwd:", "a=ice-pwd:x"),
		"another port":          func(s string) string { return strings.ReplaceAll(s, " typ host", "0 typ host") },
		"candidates that lie":   replace(" 127.0.0.1 ", " 127.255.255.254 "),
		"a codec not offered":   replace("H264/90000", "VP8/90000"),
		"a candidate in pieces": replace(" typ host", " typ"),
	}
	for name, mutate := range answers {
		out = append(out, fault{name: name, server: whiptest.Config{MutateAnswer: mutate, NoMedia: name == "wrong credentials"}})
	}
	relay := func(url string) func(*whiptest.Server) Config {
		return func(s *whiptest.Server) Config {
			return Config{Endpoint: s.URL(), RelayOnly: true, ICEServers: []ICEServer{{url, "u", whiptest.TURNCredential}}}
		}
	}
	hangs, err := net.Listen("tcp4", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangs.Close() })
	silent := hangs.Addr().String()
	turn := `<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="u"; credential="s3cr3tRelay99"`
	return append(out,
		fault{name: "a relay that hangs in TLS", cfg: relay("turns:" + silent + "?transport=tcp")},
		fault{name: "a relay that refuses TCP", cfg: relay("turn:127.0.0.1:9?transport=tcp")},
		fault{name: "no path", server: whiptest.Config{NoMedia: true}},
		fault{name: "no path, and a relay that is not there", server: whiptest.Config{NoMedia: true,
			Header: http.Header{"Link": {turn}}, Patch: whiptest.Patch{Restart: true}}},
		fault{name: "given up during the POST", server: whiptest.Config{Script: to(http.MethodPost, &whiptest.Reply{Delay: 100 * time.Millisecond})},
			cancel: func(s *whiptest.Server) bool { return len(s.Requests(http.MethodPost)) > 0 }},
		fault{name: "given up during ICE", server: whiptest.Config{NoMedia: true},
			cancel: func(s *whiptest.Server) bool { return len(s.Sessions()) > 0 }},
	)
}

// laterFaults are those of a session that has come up.
func laterFaults() []fault {
	var out []fault
	for name, reply := range map[string]*whiptest.Reply{
		"DELETE hangs": {Hang: true}, "DELETE is reset": {Reset: true}, "DELETE is refused": {Status: 500}, "DELETE is redirected without end": {
			Status: 307, Header: http.Header{"Location": {"/whip"}}},
	} {
		out = append(out, fault{name: name, lives: true, server: whiptest.Config{Script: to(http.MethodDelete, reply)}})
	}
	lose := func(t *testing.T, server *whiptest.Server, s *Session) {
		server.WaitSession(t).Blackhole(true, true)
		select {
		case <-s.Done():
		case <-time.After(testWait):
			t.Fatal("the session did not end")
		}
	}
	for name, reply := range map[string]*whiptest.Reply{
		"hangs": {Hang: true}, "is reset": {Reset: true}, "is refused": {Status: 422}, "fails": {Status: 500}, "is gone": {Status: 404},
		"has no credentials": {Status: 200, Body: "a=mid:0\r\n"}, "is cut": {Status: 200, Truncate: true, Body: "a=ice-ufrag:x\r\n"},
		"leads nowhere": nil,
	} {
		server := whiptest.Config{Patch: whiptest.Patch{Restart: true}}
		if reply != nil {
			server.Script = to(http.MethodPatch, reply)
		}
		out = append(out, fault{name: "the restart " + name, lives: true, server: server, silent: true, then: lose})
	}
	stun := func(s *whiptest.Server) Config {
		return Config{Endpoint: s.URL(), ICEServers: []ICEServer{{URL: "stun:127.0.0.1:9"}}} // nobody answers there
	}
	for name, reply := range map[string]*whiptest.Reply{"hangs": {Hang: true}, "is reset": {Reset: true}, "is refused": {Status: 422}, "fails": {Status: 500}} {
		out = append(out, fault{name: "the trickle " + name, lives: true, cfg: stun,
			server: whiptest.Config{Patch: whiptest.Patch{Trickle: true}, Script: to(http.MethodPatch, reply)},
			then: func(t *testing.T, server *whiptest.Server, _ *Session) {
				server.WaitRequests(t, http.MethodPatch, 1)
			}})
	}
	return append(out,
		fault{name: "closed at once", lives: true},
		fault{name: "the trickle is cut short", lives: true, cfg: stun, server: whiptest.Config{Patch: whiptest.Patch{Trickle: true}}},
		fault{name: "the server is silent", lives: true, silent: true, then: lose},
		fault{name: "the server ends DTLS", lives: true, then: func(t *testing.T, server *whiptest.Server, s *Session) {
			peer := server.WaitSession(t)
			peer.WaitFor(t, "the server's side of the connection", func() bool { return peer.State() == webrtc.PeerConnectionStateConnected })
			peer.Close()
			select {
			case <-s.Done():
			case <-time.After(testWait):
				t.Fatal("the session did not end")
			}
		}},
		fault{name: "paced, with a full queue", lives: true, cfg: func(s *whiptest.Server) Config {
			return Config{Endpoint: s.URL(), Pacing: Pacing{Rate: minPacing}}
		}, then: func(t *testing.T, _ *whiptest.Server, s *Session) {
			pump(t, s, 0, 1000)
			eventually(t, "a queue", func() bool { return s.Stats().Pacing.Queued > 100_000 })
		}},
	)
}

// to scripts the replies to one method.
func to(method string, reply *whiptest.Reply) func(whiptest.Request) *whiptest.Reply {
	return func(r whiptest.Request) *whiptest.Reply {
		if r.Method != method {
			return nil
		}
		return reply
	}
}
