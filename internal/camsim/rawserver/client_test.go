package rawserver

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait.
const patience = time.Minute

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serve starts a server with these faults that stops with the test.
func serve(t *testing.T, f Faults, change ...func(*Config)) *Server {
	t.Helper()
	cfg := Config{Listener: listen(t), Faults: f, Script: reel.Script{Film: film(t, "360p-baseline"), FromStart: true}}
	for _, c := range change {
		c(&cfg)
	}
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func film(t *testing.T, clip string) *reel.Film {
	t.Helper()
	f, err := reel.LoadFilm(clip, reel.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func withAudio(t *testing.T, name string) func(*Config) {
	t.Helper()
	track, err := reel.LoadTrack(name)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Script.Track = track }
}

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// client is a reader that repairs nothing.
type client struct {
	t    *testing.T
	nc   net.Conn
	br   *bufio.Reader
	url  string
	seq  int
	sess string
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, nc: nc, br: bufio.NewReader(nc), url: "rtsp://" + address + "/stream1"}
}

func (c *client) send(method, url string, lines ...string) {
	c.t.Helper()
	c.seq++
	text := fmt.Sprintf("%s %s RTSP/1.0\r\nCSeq: %d\r\n", method, url, c.seq)
	if c.sess != "" {
		text += "Session: " + c.sess + "\r\n"
	}
	for _, line := range lines {
		text += line + "\r\n"
	}
	if _, err := io.WriteString(c.nc, text+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header textproto.MIMEHeader
	body   string
}

// receive reads the next response; frames before it are dropped.
func (c *client) receive() answer {
	c.t.Helper()
	for {
		if b, err := c.br.Peek(1); err != nil {
			c.t.Fatal(err)
		} else if b[0] != '$' {
			break
		}
		c.frame()
	}
	r := textproto.NewReader(c.br)
	line, err := r.ReadLine()
	if err != nil {
		c.t.Fatal(err)
	}
	var a answer
	if _, err := fmt.Sscanf(line, "RTSP/1.0 %d", &a.status); err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	if a.header, err = r.ReadMIMEHeader(); err != nil {
		c.t.Fatal(err)
	}
	if got := a.header.Get("CSeq"); got != strconv.Itoa(c.seq) {
		c.t.Fatalf("CSeq %s in answer to %d", got, c.seq)
	}
	n, _ := strconv.Atoi(a.header.Get("Content-Length"))
	body := make([]byte, n)
	if _, err := io.ReadFull(c.br, body); err != nil {
		c.t.Fatal(err)
	}
	a.body = string(body)
	return a
}

func (c *client) ask(method, url string, lines ...string) answer {
	c.t.Helper()
	c.send(method, url, lines...)
	return c.receive()
}

// want asks and requires a status.
func (c *client) want(status int, method, url string, lines ...string) answer {
	c.t.Helper()
	a := c.ask(method, url, lines...)
	if a.status != status {
		c.t.Fatalf("%s %s: %d, not %d", method, url, a.status, status)
	}
	return a
}

const interleaved = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"

// setup sets the first media up and remembers the session.
func (c *client) setup(lines ...string) answer {
	c.t.Helper()
	a := c.want(200, "SETUP", c.url+"/trackID=0", append(lines, interleaved)...)
	c.sess, _, _ = strings.Cut(a.header.Get("Session"), ";")
	return a
}

func (c *client) play() {
	c.t.Helper()
	c.setup()
	c.want(200, "PLAY", c.url)
}

// frame reads one interleaved frame and nothing else.
func (c *client) frame() frame {
	c.t.Helper()
	if b, err := c.br.Peek(1); err != nil || b[0] != '$' {
		c.t.Fatalf("no frame: %q, %v", b, err)
	}
	f, err := readFrame(c.br)
	if err != nil {
		c.t.Fatal(err)
	}
	return *f
}

// packets reads n RTP packets of channel 0; RTCP is dropped.
func (c *client) packets(n int) []rtp.Packet {
	c.t.Helper()
	var out []rtp.Packet
	for len(out) < n {
		f := c.frame()
		if f.channel != 0 {
			continue
		}
		var p rtp.Packet
		if err := p.Unmarshal(f.payload); err != nil {
			c.t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// authorize answers a challenge, by RFC 7616 with MD5.
func authorize(challenge, user, password, method, url string, count int) string {
	given := authorization(challenge)
	sum := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	a1, a2 := sum(user+":"+given["realm"]+":"+password), sum(method+":"+url)
	text := fmt.Sprintf(`Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s"`, user, given["realm"], given["nonce"], url)
	if given["qop"] == "" {
		return text + fmt.Sprintf(`, response="%s"`, sum(a1+":"+given["nonce"]+":"+a2))
	}
	nc := fmt.Sprintf("%08x", count)
	return text + fmt.Sprintf(`, qop=auth, nc=%s, cnonce="abc", opaque="%s", response="%s"`,
		nc, given["opaque"], sum(a1+":"+given["nonce"]+":"+nc+":abc:auth:"+a2))
}
