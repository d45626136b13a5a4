package rtspsrc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// TestEncryptedPackets come through gortsplib, which has the keys.
func TestEncryptedPackets(t *testing.T) {
	t.Parallel()
	cam := startCamera(t, cameraOptions{tls: selfSigned(t), srtp: true})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.TCP, TLS: rtspsrc.TLSConfig{Insecure: true}}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 30 && got.count("PCMU") > 20 })
	got.mu.Lock()
	defer got.mu.Unlock()
	sps := false
	for _, pkt := range got.packets["H264"] {
		sps = sps || bytes.Equal(pkt.Payload, rtspsrc.MakeSPS(640, 352))
	}
	if st := sess.Stats(); !sps || st.PacketsUnusable > 0 || st.PacketsLost > 0 {
		t.Errorf("SPS %v, %+v", sps, st)
	}
}

// TestLargestFrame is about frames that come whole, whatever the connection can do.
func TestLargestFrame(t *testing.T) {
	t.Parallel()
	big := rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: 6, Timestamp: 6 * 3600, SSRC: 7},
		Payload: append([]byte{0x61}, bytes.Repeat([]byte("0123456789"), 6552)...),
	}
	b, err := big.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, hidden := range map[string]bool{"socket": false, "any connection": true} {
		for _, bytewise := range []bool{false, true} {
			cam := startScript(t, &script{inject: string(frame(0, b)), bytewise: bytewise})
			cfg := rtspsrc.Config{URL: cam.URL()}
			if hidden {
				cfg.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := (&net.Dialer{}).DialContext(ctx, network, address)
					return struct{ net.Conn }{c}, err
				}
			}
			var got sink
			sess := play(t, newSource(t, cfg), &got)
			waitFor(t, "packets", func() bool { return got.count("H264") > 20 })
			got.mu.Lock()
			whole := 0
			for _, pkt := range got.packets["H264"] {
				if bytes.Equal(pkt.Payload, big.Payload) {
					whole++
				}
			}
			got.mu.Unlock()
			if whole != 1 {
				t.Errorf("%s, bytewise %v: %d large packets", name, bytewise, whole)
			}
			sess.Close()
		}
	}
}

// TestOnlyMediaKeepsASession: gortsplib reads nothing of them, and ends a session in
// which it reads nothing for RequestTimeout.
func TestOnlyMediaKeepsASession(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	overUDP, send := udpScript(t)
	for _, tc := range []struct {
		transport rtspsrc.Transport
		cam       *script
		send      func(seq uint16, size int)
	}{
		{rtspsrc.TCP, startScript(t, &script{}), func(uint16, int) {}},
		{rtspsrc.UDP, overUDP, send},
	} {
		t.Run(tc.transport.String(), func(t *testing.T) {
			t.Parallel()
			var got sink
			sess := play(t, newSource(t, rtspsrc.Config{URL: tc.cam.URL(), Transport: tc.transport, RequestTimeout: timeout, Stall: -1}), &got)
			begin, seq := time.Now(), uint16(100)
			waitFor(t, "twice the timeout", func() bool {
				seq++
				tc.send(seq, 100)
				return time.Since(begin) > 2*timeout
			})
			select {
			case <-sess.Done():
				t.Error(sess.Err())
			default:
			}
			if st := sess.Stats(); st.PacketsReceived < 100 || st.PacketsLost > 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestSilenceEndsASession although nobody watches for stalls.
func TestSilenceEndsASession(t *testing.T) {
	t.Parallel()
	cam := startCamera(t, cameraOptions{})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), RequestTimeout: 2 * time.Second, Stall: -1}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 30 })
	cam.mute.Store(true)
	<-sess.Done()
	if err := asError(t, sess.Err()); !strings.Contains(err.Hint(), "stopped answering") {
		t.Errorf("%v (hint %q)", err, err.Hint())
	}
}

// TestNoPacketAfterClose: the camera goes on sending until it has read TEARDOWN.
func TestNoPacketAfterClose(t *testing.T) {
	t.Parallel()
	cam := startScript(t, &script{answers: map[string][]string{"TEARDOWN": {"\r\n"}}})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	var packets atomic.Int64
	var closed, late atomic.Bool
	if err := sess.Play(testContext(t), sess.Tracks(), func(rtspsrc.Track, *rtp.Packet, time.Time) {
		packets.Add(1)
		late.Store(late.Load() || closed.Load())
	}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "packets", func() bool { return packets.Load() > 10 })
	begin := time.Now()
	sess.Close()
	closed.Store(true)
	if d := time.Since(begin); d < time.Second || d > 30*time.Second {
		t.Errorf("Close took %v, with a camera that does not answer TEARDOWN and goes on sending", d)
	}
	if !errors.Is(sess.Err(), rtspsrc.ErrClosed) || late.Load() {
		t.Errorf("%v, late packets: %v", sess.Err(), late.Load())
	}
}

func TestDescriptionWithoutLength(t *testing.T) {
	t.Parallel()
	const head = "RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\nContent-Type: application/sdp\r\n\r\n"
	for name, answer := range map[string]string{
		"silence behind":    head + usualSDP(),
		"no line feed":      head + strings.TrimSuffix(usualSDP(), "\r\n"),
		"blank line behind": head + usualSDP() + "\r\n",
		"message behind":    head + usualSDP() + "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		"no number":         strings.Replace(head, "\r\n\r\n", "\r\nContent-Length: ?\r\n\r\n", 1) + usualSDP(),
	} {
		for _, bytewise := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bytewise %v", name, bytewise), func(t *testing.T) {
				t.Parallel()
				cam := startScript(t, &script{answers: map[string][]string{"DESCRIBE": {answer}}, bytewise: bytewise})
				src := newSource(t, rtspsrc.Config{URL: cam.URL()})
				rtspsrc.SetBodyPause(src, 2*time.Second) // a busy machine makes pauses of its own
				var got sink
				sess := play(t, src, &got)
				waitFor(t, "packets", func() bool { return got.count("H264") > 10 })
				if st := sess.Stats(); st.HeadersRepaired == 0 || st.JunkBytes > 0 {
					t.Errorf("%+v", st)
				}
				sess.Close()
			})
		}
	}
	cam := startScript(t, &script{answers: map[string][]string{"DESCRIBE": {head}}})
	if e := refused(t, rtspsrc.Config{URL: cam.URL()}); !strings.Contains(e.Hint(), "description of the stream is unreadable") {
		t.Errorf("no body at all: %v (hint %q)", e, e.Hint())
	}
}
