package viewer

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	video = webrtc.RTPCodecTypeVideo
	audio = webrtc.RTPCodecTypeAudio
)

// one returns the only stream.
func one(t *testing.T, s *Server) Stream {
	t.Helper()
	list := s.Streams()
	if len(list) != 1 {
		t.Fatalf("%d streams, want 1", len(list))
	}
	return list[0]
}

func TestPictureAndSoundReachThePlayer(t *testing.T) {
	for _, tt := range []struct{ clip, audio, mime, name, profile string }{
		{"360p-baseline", "opus", webrtc.MimeTypeOpus, "opus", "Constrained Baseline 3.0"},
		{"360p-main", "pcmu", webrtc.MimeTypePCMU, "PCMU", "Main 3.0"},
		{"360p-high", "pcma", webrtc.MimeTypePCMA, "PCMA", "High 3.0"},
	} {
		t.Run(tt.clip+"/"+tt.audio, func(t *testing.T) {
			s, base := serve(t, Config{})
			publish(t, base, "gate", publishOptions{clip: tt.clip, audio: tt.audio})
			// A publisher that offers several codecs shows with its first packet
			// which one it sends.
			eventually(t, "sound at the receiver", func() bool { return one(t, s).AudioPackets > 0 })
			p := watch(t, base, "gate", video, audio)
			eventually(t, "pictures and sound at the player", p.look(func(v, a *received) bool {
				return v.pics.frames >= 30 && v.pics.keyFrames >= 1 && a.packets >= 30
			}))
			p.look(func(v, a *received) bool {
				if v.codec != webrtc.MimeTypeH264 || a.codec != tt.mime {
					t.Errorf("codecs %s, %s", v.codec, a.codec)
				}
				if v.gaps+v.back+a.gaps+a.back > 0 {
					t.Errorf("video %d gaps, %d steps back; audio %d, %d", v.gaps, v.back, a.gaps, a.back)
				}
				if typ := v.first[0] & 0x1f; typ != naluSTAPA && typ != naluSPS {
					t.Errorf("the first packet holds NAL unit type %d: no decoder can start with it", typ)
				}
				return true
			})()
			st := one(t, s)
			if !st.Live || st.VideoCodec != "H264" || st.AudioCodec != tt.name || st.Profile != tt.profile ||
				st.Width != 640 || st.Height != 360 || st.Lost != 0 || st.Viewers != 1 || st.Problem != "" {
				t.Errorf("snapshot %+v", st)
			}
			if st.Frames < 30 || st.KeyFrames < 1 || st.AudioPackets < 30 || st.Packets < st.Frames || st.Bytes == 0 {
				t.Errorf("counts %+v", st)
			}
		})
	}
}

func TestKeyFrameRequestsArePassedOnAndCoalesced(t *testing.T) {
	_, base := serve(t, Config{})
	pub := publish(t, base, "gate", publishOptions{})
	p := watch(t, base, "gate", video)
	eventually(t, "the first picture", p.look(func(v, _ *received) bool { return v.pics.keyFrames >= 1 }))
	eventually(t, "a PLI because a player came", func() bool { return pub.plis.Load() > 0 })
	joined := pub.plis.Load()
	began := time.Now()
	for range 50 {
		p.askKeyFrame(t)
	}
	eventually(t, "a PLI at the publisher", func() bool { return pub.plis.Load() > joined })
	eventually(t, "the next key frame", p.look(func(v, _ *received) bool { return v.pics.keyFrames >= 2 }))
	most := int64(time.Since(began)/keyFrameInterval) + 2
	if got := pub.plis.Load() - joined; got > most {
		t.Errorf("50 requests became %d, want at most %d", got, most)
	}
}

func TestANewPublisherReplacesTheOld(t *testing.T) {
	s, base := serve(t, Config{})
	first := publish(t, base, "gate", publishOptions{clip: "360p-baseline"})
	p := watch(t, base, "gate", video)
	eventually(t, "the first publisher's pictures", p.look(func(v, _ *received) bool { return v.pics.frames >= 10 }))

	publish(t, base, "gate", publishOptions{clip: "360p-high"})
	receive(t, "the end of the first publisher", first.closed)
	eventually(t, "the second publisher's pictures", p.look(func(v, _ *received) bool {
		return strings.HasPrefix(v.pics.profile, "High") && v.pics.keyFrames >= 2
	}))
	p.look(func(v, _ *received) bool {
		if v.gaps > 0 || v.back > 0 {
			t.Errorf("the player saw %d gaps and %d steps back in time", v.gaps, v.back)
		}
		return true
	})()
	if st := one(t, s); st.Publishers != 2 || !st.Live || st.Lost != 0 {
		t.Errorf("snapshot %+v", st)
	}
}

func TestOtherTracksSendPlayersBack(t *testing.T) {
	_, base := serve(t, Config{})
	publish(t, base, "gate", publishOptions{})
	p := watch(t, base, "gate", video, audio)
	eventually(t, "pictures", p.look(func(v, _ *received) bool { return v.packets > 0 }))
	publish(t, base, "gate", publishOptions{audio: "opus"})
	receive(t, "the end of a player without sound", p.closed)
}

func TestAPlayerOfVideoStaysWhenSoundChanges(t *testing.T) {
	_, base := serve(t, Config{})
	publish(t, base, "gate", publishOptions{audio: "opus"})
	p := watch(t, base, "gate", video)
	eventually(t, "pictures", p.look(func(v, _ *received) bool { return v.packets > 0 }))
	publish(t, base, "gate", publishOptions{clip: "360p-main"})
	eventually(t, "the new pictures", p.look(func(v, _ *received) bool {
		return strings.HasPrefix(v.pics.profile, "Main")
	}))
}

func TestDeleteEndsSessions(t *testing.T) {
	s, base := serve(t, Config{})
	pub := publish(t, base, "gate", publishOptions{})
	p := watch(t, base, "gate", video)
	eventually(t, "pictures", p.look(func(v, _ *received) bool { return v.packets > 0 }))

	remove := func(url string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, _ := do(t, req)
		return res.StatusCode
	}
	other := strings.Replace(p.session, "/whep/gate/", "/whip/gate/", 1)
	if got := remove(other); got != http.StatusNotFound {
		t.Errorf("DELETE of a player at a publisher's URL: %d", got)
	}
	if got := remove(p.session); got != http.StatusOK {
		t.Errorf("DELETE of a player: %d", got)
	}
	if st := one(t, s); st.Viewers != 0 || !st.Live {
		t.Errorf("after the player's DELETE: %+v", st)
	}
	if got := remove(pub.session); got != http.StatusOK {
		t.Errorf("DELETE of the publisher: %d", got)
	}
	if st := one(t, s); st.Live || !strings.Contains(st.Problem, "said goodbye") {
		t.Errorf("after the publisher's DELETE: %+v", st)
	}
	if got := remove(pub.session); got != http.StatusNotFound {
		t.Errorf("second DELETE: %d", got)
	}
	receive(t, "the publisher's end", pub.closed)
	receive(t, "the player's end", p.closed)
}

func TestAPlayerOutlivesItsPublisher(t *testing.T) {
	s, base := serve(t, Config{})
	pub := publish(t, base, "gate", publishOptions{})
	p := watch(t, base, "gate", video)
	eventually(t, "pictures", p.look(func(v, _ *received) bool { return v.pics.frames > 5 }))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, pub.session, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	do(t, req)
	if st := one(t, s); st.Viewers != 1 || st.Live {
		t.Fatalf("after the DELETE: %+v", st)
	}
	publish(t, base, "gate", publishOptions{clip: "360p-high"})
	eventually(t, "the new publisher's pictures", p.look(func(v, _ *received) bool {
		return strings.HasPrefix(v.pics.profile, "High")
	}))
	p.look(func(v, _ *received) bool {
		if v.gaps > 0 || v.back > 0 {
			t.Errorf("the player saw %d gaps and %d steps back in time", v.gaps, v.back)
		}
		return true
	})()
}

func TestCloseEndsEverything(t *testing.T) {
	s, base := serve(t, Config{})
	pub := publish(t, base, "gate", publishOptions{})
	p := watch(t, base, "gate", video)
	eventually(t, "pictures", p.look(func(v, _ *received) bool { return v.packets > 0 }))
	s.Close()
	receive(t, "the publisher's end", pub.closed)
	receive(t, "the player's end", p.closed)
	res, _ := post(t, base+"/whip/gate", "", "v=0")
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("POST to a closed server: %s", res.Status)
	}
	s.Close() // again: nothing to do
}

// TestAPlayerWithoutVideoGetsItsSound offers video, first, in codecs that are
// not taken here, as a Firefox does that has not fetched its H.264 yet.
func TestAPlayerWithoutVideoGetsItsSound(t *testing.T) {
	_, base := serve(t, Config{})
	publish(t, base, "gate", publishOptions{clip: "none", audio: "opus"})
	p := watchWith(t, base, "gate", func(offer string) string {
		return strings.ReplaceAll(offer, "H264/90000", "H265/90000")
	}, video, audio)
	eventually(t, "sound", p.look(func(_, a *received) bool { return a.packets > 10 }))
}
