package rtspsrc_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/pion/rtcp"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

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
	cam.mu.Lock()
	defer cam.mu.Unlock()
	if cam.maxOpen != 1 {
		t.Errorf("the camera had %d sessions at once", cam.maxOpen)
	}
}

// A camera without TCP that has fallen silent may speak again soon: nobody has to set
// anything, although it refuses the TCP that is tried then.
func TestSilentUDPWhereTCPIsRefused(t *testing.T) {
	cam := startCamera(t, cameraOptions{udp: true, silentUDP: true, noTCP: true})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP, UDPSilence: 200 * time.Millisecond})
	for range 2 {
		sess, err := src.Open(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		err = sess.Play(testContext(t), sess.Tracks(), new(sink).handle)
		if e := asError(t, err); e.Op != "play" || e.Slow() || e.Status != 0 || !strings.Contains(e.Error(), "no packet arrives over UDP") ||
			strings.Contains(e.Hint(), "transport") {
			t.Errorf("%v (slow: %v, hint %q)", e, e.Slow(), e.Hint())
		}
		sess.Close()
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
	waitFor(t, "a CNAME, behind the report", func() bool { return len(received[*rtcp.SourceDescription](cam)) > 0 })
}

// TestReceiverReportsOverUDP: they count the camera's numbers, of which gortsplib sees
// none but a few, which it takes for all.
func TestReceiverReportsOverUDP(t *testing.T) {
	t.Parallel()
	cam := startCamera(t, cameraOptions{udp: true})
	src := newSource(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.UDP})
	var got sink
	play(t, src, &got)
	waitFor(t, "receiver reports", func() bool { // gortsplib sends them every 5 s
		for _, rr := range received[*rtcp.ReceiverReport](cam) {
			if len(rr.Reports) == 1 && rr.Reports[0].LastSequenceNumber > 200 && rr.Reports[0].TotalLost == 0 {
				return true
			}
		}
		return false
	})
	waitFor(t, "a CNAME, behind the report", func() bool { return len(received[*rtcp.SourceDescription](cam)) > 0 })
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
