package rtspsrc_test

import (
	"bufio"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// flooder is a camera that answers as usual until a certain request, and then sends
// the same thing over and over, as fast as it is taken, until nobody takes it.
type flooder struct {
	at    string // the request
	first string // its answer, or the beginning of one
	unit  string // what comes then

	host    string
	reached atomic.Bool
}

func (f *flooder) start(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.host = ln.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				f.serve(c)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
}

func (f *flooder) serve(c net.Conn) {
	br := bufio.NewReader(c)
	for {
		_, method, cseq, err := readRequest(br)
		if err != nil {
			return
		}
		answer := usual[method]
		if method == f.at {
			answer = f.first
		}
		if _, err := c.Write([]byte(strings.NewReplacer("%CSEQ%", cseq, "%HOST%", f.host).Replace(answer))); err != nil {
			return
		}
		if method != f.at {
			continue
		}
		f.reached.Store(true)
		block := []byte(strings.Repeat(f.unit, max(1, 128<<10/len(f.unit))))
		for err == nil {
			_, err = c.Write(block)
		}
		return
	}
}

// heapPeak watches the heap until the returned function is called, which tells by
// how much it has grown at most.
func heapPeak() (grown func() int64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base, peak := m.HeapAlloc, m.HeapAlloc
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		return int64(peak - base)
	}
}

// floodMost is by how much a flood may let the heap grow, garbage included.
const floodMost = 32 << 20

// TestFloods: whatever a camera pours over us, in place of an answer or after PLAY,
// the session ends by itself and no memory is spent on it.
func TestFloods(t *testing.T) {
	const head = "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\n"
	play := usual["PLAY"]
	large := strings.Repeat("\x81", 65_000)
	grown := heapPeak()
	t.Cleanup(func() { // of all together
		if n := grown(); n > floodMost {
			t.Errorf("the heap grew by %d MB", n>>20)
		}
	})
	for _, f := range []struct{ name, at, first, unit string }{
		{"header", "DESCRIBE", head, "X-Pad: " + strings.Repeat("p", 100) + "\r\n"},
		{"line", "DESCRIBE", head + "X-Pad: ", strings.Repeat("p", 1000)},
		{"folded line", "DESCRIBE", head + "X-Pad: p", "\r\n " + strings.Repeat("p", 100)},
		{"start line", "DESCRIBE", "RTSP/1.0 200 ", "OK "},
		{"description", "DESCRIBE", head + "Content-Type: application/sdp\r\n\r\nv=0\r\n", "a=x\r\n"},
		{"measured description", "DESCRIBE", head + "Content-Type: application/sdp\r\nContent-Length: 2000000000\r\n\r\nv=0\r\n", "a=x\r\n"},
		{"provisional answers", "DESCRIBE", "", "RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n"},
		{"answers to nothing", "DESCRIBE", "", "RTSP/1.0 200 OK\r\nCSeq: 9999\r\n\r\n"},
		{"requests", "DESCRIBE", "", "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"},
		{"junk", "OPTIONS", "", "junk "},
		{"junk after PLAY", "PLAY", play, "junk "},
		{"dollars after PLAY", "PLAY", play, "$$\x00\xff\xff"},
		{"header after PLAY", "PLAY", play + "RTSP/1.0 200 OK\r\n", "X-Pad: " + strings.Repeat("p", 100) + "\r\n"},
		{"frames of nobody", "PLAY", play, string(frame(9, []byte(large)))},
		{"broken RTCP", "PLAY", play, string(frame(1, []byte(large)))},
		{"broken RTP", "PLAY", play, string(frame(0, []byte(strings.Repeat("\x00", 65_000))))},
		{"empty frames", "PLAY", play, string(frame(0, nil))},
		{"requests after PLAY", "PLAY", play, "GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\n"},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for a timeout
			cam := &flooder{at: f.at, first: f.first, unit: f.unit}
			cam.start(t)
			src := newSource(t, rtspsrc.Config{
				URL: "rtsp://" + cam.host + "/live/ch0", Transport: rtspsrc.TCP,
				RequestTimeout: 300 * time.Millisecond, Stall: 300 * time.Millisecond,
			})
			// On a busy machine the time may be up before it has begun.
			var sess *rtspsrc.Session
			var err error
			for range 20 {
				if sess, err = src.Open(testContext(t)); err == nil || cam.reached.Load() {
					break
				}
			}
			if err == nil {
				if err = sess.Play(testContext(t), sess.Tracks(), new(sink).handle); err == nil {
					select {
					case <-sess.Done():
						err = sess.Err()
					case <-time.After(20 * time.Second):
						t.Error("the session goes on")
					}
				}
				sess.Close()
			}
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			if !cam.reached.Load() {
				t.Errorf("nothing was poured: %v", err)
			}
		})
	}
}

// TestFloodOfVideo: 64 kB packets as fast as TCP takes them. They are passed on, and
// none is kept.
func TestFloodOfVideo(t *testing.T) {
	pkt := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SSRC: 7}, Payload: make([]byte, 65_000)}
	b, err := pkt.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	cam := &flooder{at: "PLAY", first: usual["PLAY"], unit: string(frame(0, b))}
	cam.start(t)
	grown := heapPeak()
	sess, err := newSource(t, rtspsrc.Config{URL: "rtsp://" + cam.host + "/live/ch0", Transport: rtspsrc.TCP}).Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	var got atomic.Int64
	if err := sess.Play(testContext(t), sess.Tracks(), func(rtspsrc.Track, *rtp.Packet, time.Time) { got.Add(1) }); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "packets", func() bool { return got.Load() > 2000 })
	begin := time.Now()
	sess.Close()
	if d := time.Since(begin); d > 4*time.Second {
		t.Errorf("Close took %v", d)
	}
	if n := grown(); n > floodMost {
		t.Errorf("the heap grew by %d MB", n>>20)
	}
}

// TestHostileDescriptions: descriptions as long as gortsplib takes them, made so that
// looking at them costs most.
func TestHostileDescriptions(t *testing.T) {
	fill := func(begin, unit, end string) string {
		begin = sdpHead + begin
		return begin + strings.Repeat(unit, (128<<10-len(begin)-len(end))/len(unit)) + end
	}
	const broken = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 config=zz"
	video := strings.TrimPrefix(usualSDP(), sdpHead)
	for name, body := range map[string]string{
		"tracks":        fill(video, "m=audio 0 RTP/AVP 0\r\n", ""),
		"broken tracks": fill(video, "m=audio x RTP/AVP 0\r\n", ""),
		"formats":       fill("m=video 0 RTP/AVP 96", " 96", " x\r\na=rtpmap:96 H264/90000\r\n"),
		"parameters":    fill(broken, ";a=b", "\r\n"),
		"parameters of much": fill("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\n"+strings.Repeat("a=x\r\n", 13_000)+
			"a=fmtp:97 config=zz", ";a=b", "\r\n"),
		"lines": fill("m=video x\r\n", "a=x\r\n", ""),
	} {
		for _, size := range []int{len(body), rtspsrc.MaxRepair} {
			cut := body[:size]
			t.Run(name, func(t *testing.T) {
				cam := startScript(t, &script{answers: map[string][]string{"DESCRIBE": {describeAnswer("", cut)}}})
				begin := time.Now()
				sess, err := newSource(t, rtspsrc.Config{URL: cam.URL(), RequestTimeout: 20 * time.Second}).Open(testContext(t))
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("it took %v to look at it", d)
				}
				if err != nil {
					if len(err.Error()) > 1000 {
						t.Errorf("an error of %d bytes", len(err.Error()))
					}
					return
				}
				defer sess.Close()
				if a, b := len(sess.Tracks()), len(sess.Ignored()); a > 64 || b > 130 {
					t.Errorf("%d tracks, %d ignored", a, b)
				}
			})
		}
	}
}
