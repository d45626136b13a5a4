package site

import (
	"sync"
	"testing"

	"github.com/pion/rtp"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/internal/publisher"
	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// A target that never answers, one whose media path is dead and one whose link
// carries a tenth of the stream slow down their own cameras and nobody else: another
// target gets each packet, once, in one session.
func TestSlowTargetsSlowNobodyElse(t *testing.T) {
	silent := whiptest.NewServer(t, whiptest.Config{Script: func(whiptest.Request) *whiptest.Reply {
		return &whiptest.Reply{Hang: true}
	}})
	thin := whiptest.NewServer(t, whiptest.Config{Link: 100_000})
	dead := whiptest.NewServer(t, whiptest.Config{})
	var lost gaps
	good := whiptest.NewServer(t, whiptest.Config{OnRTP: lost.note})
	to := func(name string, server *whiptest.Server) Camera {
		c := aCamera(name, startCamera(t, camsim.Config{}).URL())
		c.WHIP = &WHIP{URL: server.URL()}
		return c
	}
	site := runSite(t, good, to("silent", silent), to("thin", thin), to("dead", dead), to("good", good))
	site.wait("good", "live", in(publisher.Live))
	site.wait("thin", "a session", func(s publisher.Status) bool { return s.Packets > 0 })
	site.wait("dead", "live", in(publisher.Live))
	dead.WaitSession(t).Blackhole(true, true)
	site.wait("silent", "publishing", in(publisher.Publishing))

	peer := good.WaitSession(t)
	lost.begin()
	peer.WaitPackets(t, "video", peer.Track("video").Packets+300)
	for _, s := range site.Cameras() {
		if s.Name == "good" && (s.State != publisher.Live || s.TargetFailures+s.CameraFailures > 0 || s.Nacked > 0) {
			t.Errorf("disturbed: %s, %d camera, %d target failures, %d packets asked for again",
				s.State, s.CameraFailures, s.TargetFailures, s.Nacked)
		}
	}
	if n := lost.count(); n > 0 || len(good.Requests("POST")) != 1 {
		t.Errorf("%d gaps, %d sessions", n, len(good.Requests("POST")))
	}
}

// gaps counts breaks in the sequence numbers of video.
type gaps struct {
	mu    sync.Mutex
	next  uint16
	known bool
	n     int
}

func (g *gaps) note(kind string, p *rtp.Packet) {
	if kind != "video" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known && p.SequenceNumber != g.next {
		g.n++
	}
	g.next, g.known = p.SequenceNumber+1, true
}

func (g *gaps) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n = 0
}

func (g *gaps) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}
