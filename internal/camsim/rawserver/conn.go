package rawserver

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// conn is one client's connection.
type conn struct {
	srv  *Server
	nc   net.Conn
	br   *bufio.Reader
	door *door // nil: no password is asked for

	session *session // the one that was set up here
	ghost   sync.WaitGroup
	haunted bool
	gone    chan struct{} // closed when serve ends

	mu sync.Mutex // one message or frame at a time is written
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, nc: nc, br: bufio.NewReader(nc), gone: make(chan struct{})}
	if s.cfg.Username != "" {
		f := s.cfg.Faults
		c.door = &door{user: s.cfg.Username, password: s.cfg.Password, sha256: f.SHA256, qop: f.QOP, uses: f.NonceUses}
	}
	return c
}

// serve answers until the connection ends.
func (c *conn) serve() {
	defer c.ghost.Wait()
	defer close(c.gone)
	defer func() { _ = c.nc.Close() }()
	for {
		req, frame, err := readMessage(c.br)
		if err != nil {
			break
		}
		if frame != nil {
			if c.session != nil {
				c.session.onFrame(frame)
			}
			continue
		}
		if res := c.answer(req); res != nil && c.write(res.bytes(req)) != nil {
			break
		}
		if req.method == "PLAY" && c.session != nil {
			c.session.begin()
		}
		c.haunt()
	}
	if c.session != nil {
		c.session.close(false)
	}
}

// writeTimeout ends connections whose client does not read.
const writeTimeout = 10 * time.Second

// write writes one whole message or run of frames.
func (c *conn) write(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.nc.Write(b)
	return err
}

// response is what a request is answered with.
type response struct {
	status int
	lines  []string // header lines
	body   string
}

var reasons = map[int]string{
	200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
	453: "Not Enough Bandwidth", 454: "Session Not Found", 455: "Method Not Valid in This State",
	461: "Unsupported Transport", 500: "Internal Server Error",
}

func reply(status int, lines ...string) *response { return &response{status: status, lines: lines} }

func (r *response) bytes(req *request) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "RTSP/1.0 %d %s\r\n", r.status, reasons[r.status])
	if seq, ok := req.header["Cseq"]; ok {
		fmt.Fprintf(&b, "CSeq: %s\r\n", seq)
	}
	for _, line := range r.lines {
		b.WriteString(line + "\r\n")
	}
	if r.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n" + r.body)
	return []byte(b.String())
}

// answer is nil if there is none.
func (c *conn) answer(req *request) *response {
	_, inSession := req.header["Session"]
	if c.door != nil && (inSession || req.method != "OPTIONS") {
		if challenge := c.door.admit(req); challenge != "" {
			if strings.Contains(challenge, "stale=true") {
				c.srv.tally(func(c *Counts) { c.Stale++ })
			} else {
				c.srv.tally(func(c *Counts) { c.Unauthorized++ })
			}
			return reply(401, "WWW-Authenticate: "+challenge)
		}
	}
	if inSession && (c.session == nil || !c.session.is(req.header["Session"])) {
		return reply(454)
	}
	switch req.method {
	case "OPTIONS", "GET_PARAMETER", "SET_PARAMETER":
		return c.keepAlive(req)
	case "DESCRIBE":
		return c.describe(req)
	case "SETUP":
		return c.setup(req)
	case "PLAY":
		if c.session == nil {
			return reply(455)
		}
		c.session.alive(AliveByRequest)
		return c.session.play(req)
	case "TEARDOWN":
		c.srv.tally(func(c *Counts) { c.Teardowns++ })
		if c.session == nil {
			return reply(454)
		}
		c.session.close(true)
		c.session = nil
		return reply(200)
	}
	return reply(405)
}

const public = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER"

func (c *conn) keepAlive(req *request) *response {
	f := c.srv.cfg.Faults
	if c.session == nil || !c.session.isPlaying() {
		return reply(200, public)
	}
	c.srv.tally(func(c *Counts) { c.KeepAlives++ })
	c.session.alive(AliveByRequest)
	if req.method == "GET_PARAMETER" {
		c.session.alive(AliveByGetParameter)
	}
	if f.RenewStream && req.method == "SET_PARAMETER" && strings.Contains(strings.ToLower(req.body), "renew-stream: yes") {
		c.srv.tally(func(c *Counts) { c.KeyFrameRequests++ })
		c.session.keyFrame()
		return reply(200)
	}
	switch {
	case f.MuteKeepAlive:
		return nil
	case f.KeepAliveStatus != 0:
		return reply(f.KeepAliveStatus)
	}
	return reply(200, public)
}

func (c *conn) describe(req *request) *response {
	c.srv.tally(func(c *Counts) { c.Describes++ })
	medias, ok := c.srv.streams[req.path()]
	if !ok {
		return reply(404)
	}
	f := &c.srv.cfg.Faults
	root, _, _ := strings.Cut(req.url, "?")
	root = strings.TrimRight(root, "/") + "/"
	if f.DoubleScheme {
		root = "rtsp://" + root
	}
	res := reply(200, "Content-Base: "+root, "Content-Type: application/sdp")
	res.body = f.sdp(req, medias)
	return res
}

func (c *conn) setup(req *request) *response {
	stream, m := c.srv.find(req)
	if m == nil {
		return reply(404)
	}
	if c.session == nil {
		ss := newSession(c, stream)
		if c.srv.admit(ss) != nil {
			return reply(453)
		}
		c.session = ss
	}
	return c.session.setup(req, m)
}

// find looks up what a SETUP is for.
func (s *Server) find(req *request) (stream string, m *media) {
	for stream, medias := range s.streams {
		for _, m := range medias {
			if m.at(stream, req.place()) {
				return stream, m
			}
		}
	}
	return "", nil
}

// haunt begins to send the media of an earlier connection, once, as servers do
// that find a session by the number of its socket.
func (c *conn) haunt() {
	until, yes := c.srv.haunted()
	if !yes || c.haunted {
		return
	}
	c.haunted = true
	c.ghost.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		packet := append([]byte{0x80, 96, 0, 0, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0x41, 0x9a}, strconv.Itoa(int(until.Unix()))...)
		for seq := 0; time.Now().Before(until); seq++ {
			packet[2], packet[3] = byte(seq>>8), byte(seq)
			if c.write(interleave(0, packet)) != nil {
				return
			}
			select {
			case <-tick.C:
			case <-c.gone:
				return
			}
		}
	})
}
