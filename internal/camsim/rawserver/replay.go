package rawserver

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// Recording is what a real camera answered, by method and word for word. A method
// that is asked more often than it was answered gets its last answer again.
type Recording map[string][]string

var recordingName = regexp.MustCompile(`^(.+)_(describe|options|setup|play|sdp)(_.*)?\.txt$`)

// LoadRecordings reads a directory of files named <camera>_<method>[_what].txt,
// or <camera>_sdp.txt for a description alone, and returns those cameras of which
// there is a description.
func LoadRecordings(dir string) (map[string]Recording, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt")) // sorted
	if err != nil {
		return nil, err
	}
	out := map[string]Recording{}
	for _, file := range files {
		name := recordingName.FindStringSubmatch(filepath.Base(file))
		if name == nil {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		r := out[name[1]]
		if r == nil {
			r = Recording{}
			out[name[1]] = r
		}
		r.add(name[2], string(text))
	}
	for camera, r := range out {
		if len(r["DESCRIBE"]) == 0 {
			delete(out, camera)
		}
	}
	return out, nil
}

func (r Recording) add(kind, text string) {
	if kind == "sdp" {
		text = fmt.Sprintf("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		kind = "describe"
	}
	method := strings.ToUpper(kind)
	r[method] = append(r[method], text)
}

// Replay is a server that answers with a recording. It asks for no password and
// takes every URL.
type Replay struct {
	listener  net.Listener
	recording Recording
	film      *reel.Film
	chunk     int

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// StartReplay serves on a listener, which is taken over, until Close. After PLAY
// over TCP the film is sent on the channels of the first SETUP's answer; nil: no
// media. With a chunk above 0 no write is larger than so many bytes.
func StartReplay(listener net.Listener, recording Recording, film *reel.Film, chunk int) *Replay {
	r := &Replay{listener: listener, recording: recording, film: film, chunk: chunk}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Go(r.accept)
	return r
}

// URL is where the recorded camera is now.
func (r *Replay) URL() string { return "rtsp://" + r.listener.Addr().String() + "/" }

// Close breaks all connections and waits for the server's goroutines.
func (r *Replay) Close() {
	r.cancel()
	_ = r.listener.Close()
	r.wg.Wait()
}

func (r *Replay) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.wg.Go(func() { r.serve(c) })
	}
}

// serve answers one client.
func (r *Replay) serve(nc net.Conn) {
	ctx, cancel := context.WithCancel(r.ctx)
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	var playing sync.WaitGroup
	defer playing.Wait()
	defer stop()
	defer cancel()
	out := &chunkWriter{conn: nc, size: r.chunk}
	br := bufio.NewReader(nc)
	asked := map[string]int{}
	for {
		req, _, err := readMessage(br)
		if err != nil {
			_ = nc.Close()
			return
		}
		if req == nil {
			continue // RTCP
		}
		if out.write(r.answer(req, asked)) != nil {
			_ = nc.Close()
			return
		}
		asked[req.method]++
		if req.method == "PLAY" && asked["PLAY"] == 1 && r.film != nil {
			playing.Go(func() { r.play(ctx, out) })
		}
	}
}

// answer is the recorded response, with the request's sequence number.
func (r *Replay) answer(req *request, asked map[string]int) []byte {
	texts := r.recording[req.method]
	if len(texts) == 0 {
		var lines []string
		if req.method == "SETUP" {
			lines = append(lines, "Transport: "+strings.TrimSpace(req.header["Transport"]))
		}
		if s := r.session(); s != "" && req.method != "OPTIONS" {
			lines = append(lines, "Session: "+s)
		}
		return reply(200, append(lines, public)...).bytes(req)
	}
	text := texts[min(asked[req.method], len(texts)-1)]
	return []byte(cseqLine.ReplaceAllString(text, "${1}"+req.header["Cseq"]))
}

var (
	cseqLine    = regexp.MustCompile(`(?im)^(cseq:[ \t]*)[0-9]+`)
	sessionLine = regexp.MustCompile(`(?im)^session:[ \t]*([^;\r\n]+)`)
	videoLine   = regexp.MustCompile(`(?m)^m=video \d+ \S+ (\d+)`)
	channels    = regexp.MustCompile(`interleaved=(\d+)`)
)

// found is the first match's group in the first recorded answer to a method.
func (r *Replay) found(re *regexp.Regexp, method string) string {
	if texts := r.recording[method]; len(texts) > 0 {
		if m := re.FindStringSubmatch(texts[0]); m != nil {
			return m[1]
		}
	}
	return ""
}

// session is the recorded session's id. Where no SETUP was recorded, SETUP is
// answered with the transport that was asked for and an id of our own.
func (r *Replay) session() string {
	if len(r.recording["SETUP"]) == 0 {
		return "1"
	}
	return strings.TrimSpace(r.found(sessionLine, "SETUP"))
}

// play sends the film as the recorded description and SETUP have announced it.
func (r *Replay) play(ctx context.Context, out *chunkWriter) {
	channel, _ := strconv.Atoi(r.found(channels, "SETUP")) // 0 if there is none
	pt := uint8(reel.VideoPayloadType)
	if n, err := strconv.ParseUint(r.found(videoLine, "DESCRIBE"), 10, 7); err == nil {
		pt = uint8(n)
	}
	reel.NewPlayer(reel.Script{Film: r.film, FromStart: true}, reel.Sink{
		Watched: func() bool { return true },
		Video: func(p *rtp.Packet, _ time.Time) error {
			h := p.Header
			h.PayloadType = pt
			b, err := (&rtp.Packet{Header: h, Payload: p.Payload}).Marshal()
			if err != nil {
				return err
			}
			return out.write(interleave(byte(channel), b))
		},
	}).Run(ctx)
}

// chunkWriter makes writes of at most size bytes, so that a reader meets message
// and frame borders at all places; 0 means whole ones.
type chunkWriter struct {
	mu   sync.Mutex
	conn net.Conn
	size int
}

func (w *chunkWriter) write(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	for len(b) > 0 {
		n := len(b)
		if w.size > 0 {
			n = min(n, w.size)
		}
		if _, err := w.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
