package whip

import (
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// Candidates that end a section of the offer, or of a restart, crash livekit-server
// at the next restart. So no section ends with them, and it gets none at a restart;
// its checks find the way all the same, time and again.
func TestRestartAtLiveKit(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{RestartOpensPath: true, Patch: whiptest.Patch{Restart: true, UfragTag: true}})
	s := publish(t, server, Config{Timeouts: quick}, videoTrack, opusTrack)
	pump(t, s, 0, 100)
	peer := server.WaitSession(t)
	for n := range 2 {
		peer.WaitPackets(t, Video, peer.Track(Video).Packets+20)
		peer.Blackhole(true, true)
		peer.WaitFor(t, "an ICE restart", func() bool { return peer.Restarts() == n+1 })
		eventually(t, "the restart counted", func() bool { return s.Stats().Restarts == uint64(n+1) }) // 1 or 2
		peer.WaitPackets(t, Video, peer.Track(Video).Packets+20)
	}
	for _, p := range server.Requests("PATCH") {
		if f, err := whiptest.ParseFragment(p.Body); err != nil || len(f.Candidates) > 0 || f.Complete || p.Header.Get("If-Match") != "*" {
			t.Errorf("%v: If-Match %s\n%s", err, p.Header.Get("If-Match"), p.Body)
		}
	}
	if n := len(server.Requests("POST")); n != 1 {
		t.Errorf("%d POST requests", n)
	}
	offer := peer.Offer()
	if len(candidates(offer)) == 0 {
		t.Error("no candidates in the offer")
	}
	for section := range strings.SplitSeq(strings.TrimSuffix(offer, "\r\n"), "\r\nm=") {
		if last := section[strings.LastIndex(section, "\r\n")+2:]; isCandidate(last) {
			t.Errorf("a section ends with %s", last)
		}
	}
}

// LiveKit Ingress reads a session description, and may hand it on to livekit-server.
func TestRestartAtIngress(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{RestartOpensPath: true, Patch: whiptest.Patch{LiveKit: true}})
	s := publish(t, server, Config{Timeouts: quick}, videoTrack, opusTrack)
	loseAndRecover(t, server, s)
	patches := server.Requests("PATCH")
	body := patches[len(patches)-1].Body
	if !strings.HasPrefix(body, "v=0\r\n") || strings.Count(body, "\r\nm=") != 1 || len(candidates(body)) > 0 {
		t.Errorf("restarted by\n%s", body)
	}
}
