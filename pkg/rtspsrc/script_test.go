package rtspsrc_test

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// script is a camera whose answers are written down word by word. It serves any
// number of connections, each from the beginning.
type script struct {
	// answers holds the answers to a method in their order; the last one serves
	// for the rest. %CSEQ% and %HOST% are filled in. "" closes the connection.
	answers map[string][]string
	// raw answers everything that is received, in place of answers.
	raw string
	// bytewise writes each byte by itself.
	bytewise bool
	// deaf reads nothing after PLAY.
	deaf bool
	// inject is sent once, among the video.
	inject string
	// datagrams, if set, sends the video over UDP in place of stream: it is called
	// after PLAY with a function that sends to the client's RTP port.
	datagrams func(send func([]byte))

	host string
	ln   net.Listener
	wg   sync.WaitGroup

	stopped chan struct{}

	mu       sync.Mutex
	requests []string // whole requests, and our answers to the camera's
	udp      *net.UDPConn
	port     string // the client's for RTP
}

func startScript(tb testing.TB, s *script) *script {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.ln, s.host, s.stopped = ln, ln.Addr().String(), make(chan struct{})
	if s.datagrams != nil {
		if s.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			tb.Fatal(err)
		}
	}
	var conns sync.Map
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Store(c, nil)
			s.wg.Go(func() {
				defer c.Close()
				s.serve(c)
			})
		}
	})
	tb.Cleanup(func() {
		ln.Close()
		close(s.stopped)
		conns.Range(func(c, _ any) bool {
			c.(net.Conn).Close()
			return true
		})
		s.wg.Wait()
		if s.udp != nil {
			s.udp.Close()
		}
	})
	return s
}

func (s *script) URL() string { return "rtsp://" + s.host + "/live/ch0" }

func (s *script) seen(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if strings.HasPrefix(r, method+" ") {
			n++
		}
	}
	return n
}

// last returns the newest request of a method.
func (s *script) last(method string) (request string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if strings.HasPrefix(r, method+" ") {
			request = r
		}
	}
	return request
}

// set changes the answer to a method.
func (s *script) set(method, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[method] = []string{answer}
}

const okAnswer = "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\n\r\n"

// usual is what a camera without quirks answers.
var usual = map[string]string{
	"OPTIONS":       "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
	"DESCRIBE":      describeAnswer("Content-Base: rtsp://%HOST%/live/ch0/\r\n", usualSDP()),
	"SETUP":         "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\nSession: 1234;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
	"PLAY":          "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\nSession: 1234\r\nRTP-Info: url=x;seq=0;rtptime=-1,\r\n\r\n",
	"TEARDOWN":      okAnswer,
	"GET_PARAMETER": okAnswer,
}

func describeAnswer(headers, sdp string) string {
	return "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\nContent-Type: application/sdp\r\n" + headers +
		"Content-Length: " + strconv.Itoa(len(sdp)) + "\r\n\r\n" + sdp
}

const sdpHead = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Camera\r\nt=0 0\r\n"

func sprop(width, height int) string {
	return base64.StdEncoding.EncodeToString(rtspsrc.MakeSPS(width, height)) + "," +
		base64.StdEncoding.EncodeToString(rtspsrc.MakePPS())
}

func usualSDP() string {
	return sdpHead + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" +
		"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=" + sprop(1280, 720) + "\r\na=control:track1\r\n"
}

func (s *script) serve(c net.Conn) {
	br := bufio.NewReader(c)
	turn := map[string]int{}
	for {
		req, method, cseq, err := readRequest(br)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, req)
		s.mu.Unlock()
		if strings.HasPrefix(method, "RTSP/") {
			continue
		}
		if _, v, ok := strings.Cut(req, "client_port="); ok && method == "SETUP" {
			s.port, _, _ = strings.Cut(v, "-")
		}
		answer := s.raw
		if answer == "" {
			answer = usual[method]
			s.mu.Lock()
			if list, ok := s.answers[method]; ok {
				answer = list[min(turn[method], len(list)-1)]
				turn[method]++
			}
			s.mu.Unlock()
		}
		if answer == "" {
			return
		}
		answer = strings.NewReplacer("%CSEQ%", cseq, "%HOST%", s.host, "%PORT%", s.port).Replace(answer)
		if err := s.write(c, []byte(answer)); err != nil {
			return
		}
		if method == "PLAY" && strings.HasPrefix(answer, "RTSP/1.0 200") {
			if s.udp != nil {
				s.datagrams(s.send)
				continue
			}
			s.wg.Go(func() { s.stream(c) })
			if s.deaf {
				<-s.stopped
				return
			}
		}
	}
}

// send sends a datagram to the client's RTP port.
func (s *script) send(b []byte) {
	to, err := net.ResolveUDPAddr("udp4", "127.0.0.1:"+s.port)
	if err == nil {
		_, _ = s.udp.WriteToUDP(b, to)
	}
}

func (s *script) write(c net.Conn, b []byte) error {
	if !s.bytewise {
		_, err := c.Write(b)
		return err
	}
	for i := range b {
		if _, err := c.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// stream sends video on channel 0, with things between that a client must pass over.
func (s *script) stream(c net.Conn) {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for seq := uint16(0); ; seq++ {
		pkt := rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: uint32(seq) * 3600, Marker: true, SSRC: 7},
			Payload: append([]byte{0x65}, make([]byte, 200)...),
		}
		b, err := pkt.Marshal()
		if err != nil {
			return
		}
		var out []byte
		if seq == 7 {
			out = append(out, strings.ReplaceAll(s.inject, "%HOST%", s.host)...)
		}
		if seq%10 == 5 {
			out = append(out, frame(9, []byte("unknown channel"))...)
			out = append(out, frame(0, []byte{0x80, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2})...) // unknown payload type
			out = append(out, frame(1, []byte{0x80, 200, 0, 99})...)                             // broken RTCP
			out = append(out, frame(0, nil)...)
			out = append(out, "\r\n"...)
		}
		if s.write(c, append(out, frame(0, b)...)) != nil {
			return
		}
		<-t.C
	}
}

func frame(channel byte, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{'$', channel}, uint16(len(payload)))
	return append(b, payload...)
}

// readRequest reads one request, passing over interleaved frames.
func readRequest(br *bufio.Reader) (request, method, cseq string, err error) {
	for {
		b, err := br.Peek(4)
		if err != nil {
			return "", "", "", err
		}
		if b[0] != '$' {
			break
		}
		if _, err := br.Discard(4 + int(binary.BigEndian.Uint16(b[2:]))); err != nil {
			return "", "", "", err
		}
	}
	length := 0
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return "", "", "", err
		}
		request += line
		if method == "" {
			method, _, _ = strings.Cut(line, " ")
		}
		if v, ok := strings.CutPrefix(line, "CSeq: "); ok {
			cseq = strings.TrimSpace(v)
		}
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil {
				return "", "", "", err
			}
		}
		if line == "\r\n" {
			body := make([]byte, length)
			_, err := io.ReadFull(br, body)
			return request + string(body), method, cseq, err
		}
	}
}
