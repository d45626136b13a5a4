package rtspsrc_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/pion/rtcp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

// play opens the source and plays all of its tracks.
func play(t *testing.T, src *rtspsrc.Source, s *sink) *rtspsrc.Session {
	t.Helper()
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := sess.Play(testContext(t), sess.Tracks(), s.handle); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sess.Close() })
	return sess
}

func TestPlay(t *testing.T) {
	for _, transport := range []rtspsrc.Transport{rtspsrc.TCP, rtspsrc.UDP} {
		t.Run(transport.String(), func(t *testing.T) {
			cam := startCamera(t, cameraOptions{udp: true})
			var blocked atomic.Int64
			src := newSource(t, rtspsrc.Config{
				URL: cam.URL(), Transport: transport, OnBlock: func() { blocked.Add(1) },
			})
			var got sink
			sess := play(t, src, &got)
			tracks := sess.Tracks()
			if len(tracks) != 2 || tracks[0].Codec != "H264" || tracks[1].Codec != "PCMU" || tracks[1].Channels != 1 {
				t.Fatalf("tracks: %+v", tracks)
			}
			if len(tracks[0].ParameterSets) != 2 || len(sess.Ignored()) != 0 {
				t.Errorf("parameter sets %x, ignored %v", tracks[0].ParameterSets, sess.Ignored())
			}
			waitFor(t, "packets", func() bool { return got.count("H264") > 60 && got.count("PCMU") > 40 })

			st := sess.Stats()
			if st.Protocol != transport.String() || st.BytesReceived < 50_000 || st.PacketsReceived < 100 || st.PacketsLost != 0 {
				t.Errorf("stats: %+v", st)
			}
			if err := sess.Close(); err != nil {
				t.Error(err)
			}
			n := got.count("H264")
			if !errors.Is(sess.Err(), rtspsrc.ErrClosed) {
				t.Errorf("Err() = %v", sess.Err())
			}
			if !cam.saw("TEARDOWN") {
				t.Error("no TEARDOWN")
			}
			if blocked.Load() == 0 {
				t.Error("OnBlock was not called")
			}
			got.mu.Lock()
			defer got.mu.Unlock()
			if len(got.packets["H264"]) != n {
				t.Error("packets after Close")
			}
			for i, p := range got.packets["H264"][1:] {
				if p.SequenceNumber != got.packets["H264"][i].SequenceNumber+1 {
					t.Fatalf("packet %d follows %d", p.SequenceNumber, got.packets["H264"][i].SequenceNumber)
				}
			}
			for _, d := range got.late {
				if d < 0 || d > 20*time.Second {
					t.Fatalf("a packet arrived %v ago", d)
				}
			}
		})
	}
}

func TestPlayOneTrackOnly(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	var got sink
	if err := sess.Play(testContext(t), sess.Tracks()[:1], got.handle); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "video", func() bool { return got.count("H264") > 10 })
	if got.count("PCMU") != 0 || len(cam.protocols()) != 1 {
		t.Errorf("%d audio packets, %d SETUPs", got.count("PCMU"), len(cam.protocols()))
	}
	if err := sess.Play(testContext(t), sess.Tracks(), got.handle); err == nil {
		t.Error("a second Play succeeded")
	}
}

func TestReopenAtOnce(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	for range 5 {
		var got sink
		sess := play(t, src, &got)
		waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
		sess.Close()
	}
	cam.mu.Lock()
	defer cam.mu.Unlock()
	if cam.maxOpen != 1 {
		t.Errorf("the camera had %d sessions at once", cam.maxOpen)
	}
}

func TestOnlyOneSession(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	var got sink
	sess := play(t, src, &got)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := src.Open(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second Open: %v", err)
	}
	sess.Close()
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	sess.Close()
}

func TestSilentUDPFallsBackToTCP(t *testing.T) {
	cam := startCamera(t, cameraOptions{udp: true, silentUDP: true})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP, UDPSilence: 200 * time.Millisecond})
	for range 2 {
		var got sink
		sess := play(t, src, &got)
		waitFor(t, "packets", func() bool { return got.count("H264") > 10 })
		if p := sess.Stats().Protocol; p != "tcp" {
			t.Errorf("protocol %q", p)
		}
		sess.Close()
	}
	const u, tcp = gortsplib.ProtocolUDP, gortsplib.ProtocolTCP
	if got := cam.protocols(); len(got) != 6 || got[0] != u || got[1] != u || got[2] != tcp || got[4] != tcp {
		t.Errorf("SETUPs: %v, want UDP tried only once", got)
	}
	if cam.maxOpen != 1 {
		t.Errorf("the camera had %d sessions at once", cam.maxOpen)
	}
}

func TestAutoTakesUDPWhereTCPIsRefused(t *testing.T) {
	cam := startCamera(t, cameraOptions{udp: true, noTCP: true})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	for range 2 {
		var got sink
		sess := play(t, src, &got)
		waitFor(t, "packets", func() bool { return got.count("H264") > 10 })
		if p := sess.Stats().Protocol; p != "udp" {
			t.Errorf("protocol %q", p)
		}
		sess.Close()
	}
	if got := cam.protocols(); len(got) != 5 || got[0] != gortsplib.ProtocolTCP {
		t.Errorf("SETUPs: %v, want TCP tried only once", got)
	}
}

func TestForcedTransportIsKept(t *testing.T) {
	cam := startCamera(t, cameraOptions{udp: true, noTCP: true})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.TCP})
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	err = sess.Play(testContext(t), sess.Tracks(), new(sink).handle)
	e := asError(t, err)
	if e.Status != 461 || e.Op != "setup" || !e.Slow() || !strings.Contains(e.Hint(), "transport to auto") {
		t.Errorf("%v (hint %q)", e, e.Hint())
	}
	<-sess.Done()
	if !errors.Is(sess.Err(), err) {
		t.Errorf("Err() = %v", sess.Err())
	}
	if n := len(cam.protocols()); n != 1 {
		t.Errorf("%d SETUPs", n)
	}
}

func asError(t *testing.T, err error) *rtspsrc.Error {
	t.Helper()
	var e *rtspsrc.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a *rtspsrc.Error: %v", err)
	}
	return e
}

func TestStall(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Stall: 300 * time.Millisecond})
	var got sink
	sess := play(t, src, &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 10 })
	cam.mute.Store(true)
	select {
	case <-sess.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the stall was not noticed")
	}
	if !errors.Is(sess.Err(), rtspsrc.ErrStalled) || asError(t, sess.Err()).Hint() == "" {
		t.Errorf("Err() = %v", sess.Err())
	}
	if !cam.saw("TEARDOWN") {
		t.Error("no TEARDOWN")
	}
}

func TestReceiverReportsOverTCP(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.TCP})
	rtspsrc.SetReportEvery(src, 50*time.Millisecond)
	var got sink
	play(t, src, &got)
	waitFor(t, "receiver reports", func() bool {
		for _, rr := range received[*rtcp.ReceiverReport](cam) {
			if len(rr.Reports) == 1 && rr.Reports[0].LastSequenceNumber > 10 && rr.Reports[0].TotalLost == 0 {
				return true
			}
		}
		return false
	})
	if len(received[*rtcp.SourceDescription](cam)) == 0 {
		t.Error("no CNAME")
	}
}

// TestNoReportsButOurs fails when gortsplib begins to send reports over TCP, which
// would make ours superfluous.
func TestNoReportsButOurs(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.TCP})
	rtspsrc.SetReportEvery(src, time.Hour)
	var got sink
	play(t, src, &got)
	// gortsplib's period is 5 s; the camera sends 100 pictures a second.
	waitFor(t, "6 s of video", func() bool { return got.count("H264") > 640 })
	if n := len(received[*rtcp.ReceiverReport](cam)); n != 0 {
		t.Errorf("%d receiver reports", n)
	}
}

func TestRequestKeyFrame(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	sess, err := src.Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	if err := sess.RequestKeyFrame(); err == nil {
		t.Error("a request before Play succeeded")
	}
	var got sink
	if err := sess.Play(testContext(t), sess.Tracks(), got.handle); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	for range 2 {
		if err := sess.RequestKeyFrame(); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "PLI and FIR", func() bool {
		return len(received[*rtcp.PictureLossIndication](cam)) == 1 && len(received[*rtcp.FullIntraRequest](cam)) == 1
	})
	got.mu.Lock()
	ssrc := got.packets["H264"][0].SSRC
	got.mu.Unlock()
	pli, fir := received[*rtcp.PictureLossIndication](cam)[0], received[*rtcp.FullIntraRequest](cam)[0]
	if pli.MediaSSRC != ssrc || fir.FIR[0].SSRC != ssrc || fir.FIR[0].SequenceNumber != 1 {
		t.Errorf("PLI %+v, FIR %+v, video's SSRC %d", pli, fir, ssrc)
	}
	sess.Close()
	if err := sess.RequestKeyFrame(); !errors.Is(err, rtspsrc.ErrClosed) {
		t.Errorf("a request after Close: %v", err)
	}
}

func TestCameraGoesAway(t *testing.T) {
	cam := startCamera(t, cameraOptions{})
	src := newSource(t, rtspsrc.Config{URL: cam.URL()})
	var got sink
	sess := play(t, src, &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	cam.Stop()
	select {
	case <-sess.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the end was not noticed")
	}
	e := asError(t, sess.Err())
	if e.Op != "receive" || e.Slow() || !strings.Contains(e.Error(), "closed the connection") {
		t.Errorf("%v", e)
	}
	_, err := src.Open(testContext(t))
	if e := asError(t, err); e.Op != "dial" || e.Slow() || !strings.Contains(e.Hint(), "Nothing listens") {
		t.Errorf("%v (hint %q)", e, e.Hint())
	}
}

func TestAuth(t *testing.T) {
	const user, pass = "vie wer", `p@ss:/#?%41"word`
	cam := startCamera(t, cameraOptions{user: user, pass: pass})
	host := strings.TrimPrefix(cam.URL(), "rtsp://")
	for name, cfg := range map[string]rtspsrc.Config{
		"beside the URL": {URL: cam.URL(), Username: user, Password: pass},
		"in the URL":     {URL: "rtsp://vie%20wer:p%40ss%3A%2F%23%3F%2541%22word@" + host},
		"both":           {URL: "rtsp://someone:else@" + host, Username: user, Password: pass},
	} {
		t.Run(name, func(t *testing.T) {
			var got sink
			sess := play(t, newSource(t, cfg), &got)
			waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
			sess.Close()
		})
	}

	t.Run("wrong", func(t *testing.T) {
		cam.mu.Lock()
		before := cam.auths
		cam.mu.Unlock()
		_, err := newSource(t, rtspsrc.Config{URL: cam.URL(), Username: user, Password: "s3cr3t"}).Open(testContext(t))
		e := asError(t, err)
		if e.Status != 401 || !e.Slow() || !strings.Contains(e.Hint(), "refuses this user name or password") {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
		if strings.Contains(e.Error()+e.Hint(), "s3cr3t") {
			t.Errorf("the password is in the error: %v", e)
		}
		cam.mu.Lock()
		defer cam.mu.Unlock()
		if n := cam.auths - before; n != 1 {
			t.Errorf("the wrong password was tried %d times", n)
		}
	})

	t.Run("none", func(t *testing.T) {
		_, err := newSource(t, rtspsrc.Config{URL: cam.URL()}).Open(testContext(t))
		if e := asError(t, err); e.Status != 401 || !e.Slow() || !strings.Contains(e.Hint(), "wants a user name") {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})
}

func TestTLS(t *testing.T) {
	cam := startCamera(t, cameraOptions{tls: selfSigned(t)})

	_, err := newSource(t, rtspsrc.Config{URL: cam.URL()}).Open(testContext(t))
	e := asError(t, err)
	_, fp, ok := strings.Cut(strings.TrimSuffix(e.Hint(), "."), "tls.sha256 to ")
	if e.Op != "tls" || !errors.Is(err, rtspsrc.ErrCertificate) || !e.Slow() || !ok {
		t.Fatalf("%v (hint %q)", e, e.Hint())
	}

	for name, cfg := range map[string]rtspsrc.TLSConfig{
		"pin": {SHA256: fp}, "pin with colons": {SHA256: colons(fp)}, "insecure": {Insecure: true},
	} {
		t.Run(name, func(t *testing.T) {
			var got sink
			var blocked atomic.Int64
			sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), TLS: cfg, OnBlock: func() { blocked.Add(1) }}), &got)
			waitFor(t, "packets", func() bool { return got.count("H264") > 20 })
			if sess.Close(); blocked.Load() == 0 || !cam.saw("TEARDOWN") {
				t.Error("no OnBlock or no TEARDOWN")
			}
		})
	}

	t.Run("other pin", func(t *testing.T) {
		_, err := newSource(t, rtspsrc.Config{URL: cam.URL(), TLS: rtspsrc.TLSConfig{SHA256: strings.Repeat("0", 64)}}).Open(testContext(t))
		e := asError(t, err)
		if !errors.Is(err, rtspsrc.ErrCertificate) || !strings.Contains(e.Hint(), fp) {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})

	t.Run("plain port", func(t *testing.T) {
		plain := startCamera(t, cameraOptions{})
		_, err := newSource(t, rtspsrc.Config{URL: strings.Replace(plain.URL(), "rtsp:", "rtsps:", 1), RequestTimeout: time.Second}).Open(testContext(t))
		if e := asError(t, err); e.Op != "tls" {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})
	t.Run("plain client", func(t *testing.T) {
		_, err := newSource(t, rtspsrc.Config{URL: strings.Replace(cam.URL(), "rtsps:", "rtsp:", 1)}).Open(testContext(t))
		if e := asError(t, err); !strings.Contains(e.Hint(), "rtsps://") {
			t.Errorf("%v (hint %q)", e, e.Hint())
		}
	})
}

func colons(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(s[i : i+2]))
	}
	return b.String()
}

func TestCancel(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	src := newSource(t, rtspsrc.Config{URL: "rtsp://" + ln.Addr().String() + "/"})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 1)
		_, _ = c.Read(buf) // OPTIONS is on its way, its answer never comes
		cancel()
		_, _ = c.Read(make([]byte, 4096))
		c.Close()
	}()
	begin := time.Now()
	_, err = src.Open(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("Open returned after %v", d)
	}
}
