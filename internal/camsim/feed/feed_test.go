package feed

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is an RTSP server that keeps what is sent to it.
type recorder struct {
	gortsplib.Server

	mu    sync.Mutex
	units [][][]byte
	audio int
}

// listen starts a recorder that stops with the test, and returns its URL.
func listen(t *testing.T) (*recorder, string) {
	t.Helper()
	r := &recorder{}
	r.Handler = r
	r.RTSPAddress = "127.0.0.1:0"
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, "rtsp://" + r.NetListener().Addr().(*net.TCPAddr).String() + "/live"
}

func (r *recorder) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	if !ctx.Conn.VerifyCredentials(ctx.Request, "pub", "p@ss") {
		return &base.Response{StatusCode: base.StatusUnauthorized}, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (r *recorder) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil, nil
}

func (r *recorder) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	var h264 *format.H264
	video := ctx.Session.AnnouncedDescription().FindFormat(&h264)
	decoder, err := h264.CreateDecoder()
	if err != nil {
		return &base.Response{StatusCode: base.StatusBadRequest}, err
	}
	ctx.Session.OnPacketRTPAny(func(media *description.Media, _ format.Format, pkt *rtp.Packet) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if media != video {
			r.audio++
		} else if unit, err := decoder.Decode(pkt); err == nil {
			r.units = append(r.units, unit)
		}
	})
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (r *recorder) got() (units, audio int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.units), r.audio
}

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited a minute in vain: %s", what)
		}
	}
}

func TestFeedArrivesWhole(t *testing.T) {
	r, address := listen(t)
	var mu sync.Mutex
	var sent [][][]byte
	f, err := Start(address, Config{
		Clip: "720p-main", Audio: "opus", Username: "pub", Password: "p@ss",
		OnAccessUnit: func(nalus [][]byte) {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, nalus)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "access units and audio", func() bool {
		units, audio := r.got()
		return units >= 60 && audio >= 60
	})
	f.Freeze(true)
	wait(t, "everything that was sent", func() bool {
		units, _ := r.got()
		return units == int(f.Stats().AccessUnits)
	})
	f.Close()
	<-f.Done()
	for i, unit := range r.units {
		if !slices.EqualFunc(unit, sent[i], bytes.Equal) {
			t.Fatalf("access unit %d differs from the one sent", i)
		}
	}
}

func TestServerEndsTheFeed(t *testing.T) {
	r, address := listen(t)
	f, err := Start(address, Config{Username: "pub", Password: "p@ss"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r.Close()
	if f.Err() == nil {
		t.Error("no reason is given")
	}
}

func TestRefusals(t *testing.T) {
	_, address := listen(t)
	for name, cfg := range map[string]Config{
		"password": {Username: "pub", Password: "secret-word"},
		"clip":     {Clip: "8k"},
		"sound":    {Audio: "mp3"},
	} {
		f, err := Start(address, cfg)
		if err == nil {
			f.Close()
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}
