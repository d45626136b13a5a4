package rtspsrc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/conn"
)

// rtpFrame is a plausible interleaved frame.
func rtpFrame(channel byte, payload string) string {
	return string([]byte{'$', channel, 0, byte(12 + len(payload)), 0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}) + payload
}

// plainSource reads into a spool without any haste.
type plainSource struct{ io.Reader }

func (p plainSource) fill(s *spool, need int) error {
	n, err := p.Read(s.room(need))
	s.took(n)
	return err
}

func (plainSource) patience(time.Duration) bool { return true }

// playingFramer is one after PLAY, with channels 0 and 1.
func playingFramer(src io.Reader) *framer {
	f := newFramer(plainSource{src})
	f.allow(0)
	f.playing.Store(true)
	return f
}

func TestFramer(t *testing.T) {
	const ok = "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"
	f0, f1, f7 := rtpFrame(0, "video"), rtpFrame(1, "report"), rtpFrame(7, "what")
	for _, tc := range []struct {
		name, in, want         string
		junk, foreign, repairs uint64
	}{
		{name: "good", in: ok + f0 + f1 + ok, want: ok + f0 + f1 + ok},
		{name: "body", in: "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\n$$$$" + f0, want: "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\n$$$$" + f0},
		{name: "LF only", in: "RTSP/1.0 200 OK\nCSeq: 2\n\n" + f0, want: ok + f0, repairs: 3},
		{name: "line without colon", in: "RTSP/1.0 200 OK\r\nCSeq: 2\r\nhello\r\n\r\n", want: ok, repairs: 1},
		{name: "line without name", in: "RTSP/1.0 200 OK\r\nCSeq: 2\r\n: x\r\na b: c\r\n\r\n", want: ok, repairs: 2},
		{name: "odd blanks", in: "RTSP/1.0  200  OK \r\nCSeq :\t2 \r\n\r\n", want: ok, repairs: 1},
		{name: "folded", in: "RTSP/1.0 200 OK\r\nPublic: A,\r\n\tB\r\n\r\n", want: "RTSP/1.0 200 OK\r\nPublic: A, B\r\n\r\n", repairs: 1},
		{name: "folded junk", in: "RTSP/1.0 200 OK\r\n x\r\nhello\r\n y\r\nCSeq: 2\r\n\r\n", want: ok, repairs: 3},
		{name: "version", in: "RTSP/2.0 200 OK\r\nCSeq: 2\r\n\r\n", want: ok, repairs: 1},
		{name: "Latin-1", in: "RTSP/1.0 200 OK\r\nX: \xe4\x01b\r\n\r\n", want: "RTSP/1.0 200 OK\r\nX: \xe4 b\r\n\r\n"},
		{name: "long line", in: "RTSP/1.0 200 OK\r\nX: " + strings.Repeat("x", 20_000) + "\r\nCSeq: 2\r\n\r\n", want: ok, repairs: 2},
		{name: "rather long line", in: "RTSP/1.0 200 OK\r\nX: " + strings.Repeat("x", 2048) + "\r\nCSeq: 2\r\n\r\n", want: ok, repairs: 1},
		{name: "lengths", in: "RTSP/1.0 200 OK\r\nContent-length:  2 \r\nContent-Length: x\r\nCSeq: 2\r\n\r\nab", want: "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 2\r\n\r\nab", repairs: 1},
		{name: "provisional", in: "RTSP/1.0 100 Continue\r\nCSeq: 2\r\nContent-Length: 3\r\n\r\nabc" + ok, want: ok},
		{name: "CRLF between", in: "\r\n\r\n" + ok + "\r\n" + f0 + "\n" + f0, want: ok + f0 + f0},
		{name: "junk between", in: ok + "\x00\x01junk" + f0 + "SETUPS" + ok, want: ok + f0 + ok, junk: 12},
		{name: "junk with a $", in: f0 + "??$\x09\xff\xff\x80" + f0, want: f0 + f0, junk: 7},
		{name: "junk with a $ on our channel", in: f0 + "?$\x00\xff\xff\x00" + f0, want: f0 + f0, junk: 6},
		{name: "unknown channel", in: f7 + f0 + f7 + ok, want: f0 + ok, foreign: 2},
		{name: "empty frame", in: "$\x00\x00\x00" + f0, want: "$\x00\x00\x00" + f0},
		{name: "request", in: "REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", want: "REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"},
		{name: "request without a URL", in: "GET_PARAMETER ://% RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS *\r\n\r\n", want: "GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\n\r\n", repairs: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tc.in), iotest.OneByteReader(strings.NewReader(tc.in)), iotest.DataErrReader(strings.NewReader(tc.in))} {
				f := playingFramer(src)
				got, err := io.ReadAll(f)
				if err != nil || string(got) != tc.want {
					t.Errorf("%v\ngot  %q\nwant %q", err, got, tc.want)
				}
				if j, o, r := f.junk.Load(), f.foreign.Load(), f.repairs.Load(); j != tc.junk || o != tc.foreign || r != tc.repairs {
					t.Errorf("junk %d, foreign %d, repairs %d", j, o, r)
				}
			}
		})
	}
}

func TestFramerBeforePlay(t *testing.T) {
	const ok = "RTSP/1.0 200 OK\r\n\r\n"
	f0 := rtpFrame(0, "old")
	for name, tc := range map[string]struct {
		set  func(*framer)
		want string
	}{
		"before SETUP": {func(*framer) {}, f0 + ok},
		"after SETUP":  {func(f *framer) { f.allow(0) }, ok},
		"over UDP":     {func(f *framer) { f.udp = true }, ok},
	} {
		f := newFramer(plainSource{strings.NewReader(f0 + ok)})
		tc.set(f)
		if got, err := io.ReadAll(f); string(got) != tc.want || err != nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestFramerKnowsWhatIsNotRTSP(t *testing.T) {
	for name, in := range map[string]string{
		"HTTP": "HTTP/1.1 200 OK\r\n\r\n", "noise": strings.Repeat("noise", 5000),
	} {
		if _, err := io.ReadAll(newFramer(plainSource{strings.NewReader(in)})); !errors.Is(err, ErrNotRTSP) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := newFramer(plainSource{strings.NewReader("HTTP/1.0 200 OK\r\nX: y\r\n\r\nRTSP/1.0 200 OK\n\n")})
	f.http = true
	if got, err := io.ReadAll(f); string(got) != "HTTP/1.0 200 OK\r\nX: y\r\n\r\nRTSP/1.0 200 OK\r\n\r\n" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

// TestFramerDoesNotWait holds it to hand over what is complete.
func TestFramerDoesNotWait(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	f := playingFramer(r)
	whole := rtpFrame(0, "video")
	for _, next := range []string{"$", "$\x00\x00", "R", "RTSP/1.0 200 O"} {
		go func() { _, _ = w.Write([]byte(whole + next)) }()
		buf := make([]byte, 4096)
		n, err := io.ReadAtLeast(f, buf, len(whole))
		if err != nil || string(buf[:n]) != whole && string(buf[:n]) != whole+next {
			t.Fatalf("%q %v", buf[:n], err)
		}
		// The rest completes a frame or message, so that the next round begins anew.
		rest := map[string]string{"$": "\x00\x00\x00", "$\x00\x00": "\x00", "R": "TSP/1.0 200 OK\r\n\r\n", "RTSP/1.0 200 O": "K\r\n\r\n"}[next]
		go func() { _, _ = w.Write([]byte(rest)) }()
		want := len(next+rest) - (n - len(whole))
		if _, err := io.ReadFull(f, buf[:want]); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzFramer checks that gortsplib can read whatever comes out, and that the way
// in which it arrives makes no difference.
func FuzzFramer(f *testing.F) {
	f.Add([]byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n" + rtpFrame(0, "x") + "junk" + rtpFrame(9, "y")))
	f.Add([]byte("RTSP/1.0 401\nWWW-Authenticate: Digest a=b\n c\nContent-Length: 3\n\nabc$\x00\x00\x00"))
	f.Add([]byte("SET_PARAMETER * RTSP/1.0\r\n: \r\nx\r\n\r\nPLAY_NOTIFY \r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err := io.ReadAll(playingFramer(bytes.NewReader(in)))
		split, err2 := io.ReadAll(playingFramer(iotest.OneByteReader(bytes.NewReader(in))))
		if !bytes.Equal(whole, split) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q %v\n%q %v", whole, err, split, err2)
		}
		c := conn.NewConn(bufio.NewReader(bytes.NewReader(whole)), nil)
		for {
			what, err := c.Read()
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
			if err != nil {
				// A status that is no number, and bodies that nobody needs.
				if s := err.Error(); strings.Contains(s, "status code") || strings.Contains(s, "Content-Length exceeds") || strings.Contains(s, "buffer length exceeds") {
					return
				}
				t.Fatalf("%v in %q", err, whole)
			}
			if fr, ok := what.(*base.InterleavedFrame); ok && fr.Channel > 1 {
				t.Fatalf("a frame on channel %d", fr.Channel)
			}
		}
	})
}
