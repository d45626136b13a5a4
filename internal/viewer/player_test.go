package viewer

import (
	"sync"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// testPlayer watches over WHEP and keeps what it needs to judge the line of
// packets that it gets.
type testPlayer struct {
	pc      *webrtc.PeerConnection
	session string
	answer  string // of a preview
	closed  chan struct{}

	mu    sync.Mutex
	video received
	audio received
}

// received is what came on one track.
type received struct {
	codec   string
	ssrc    webrtc.SSRC
	packets int
	gaps    int // sequence numbers that did not follow each other
	back    int // timestamps that stepped back
	seq     uint16
	ts      uint32
	first   []byte // payload of the first packet
	pics    pictures
}

func (r *received) add(track *webrtc.TrackRemote, seq uint16, ts uint32, marker bool, payload []byte) {
	if r.packets == 0 {
		r.codec, r.ssrc, r.first = track.Codec().MimeType, track.SSRC(), append([]byte(nil), payload...)
	} else {
		if seq != r.seq+1 {
			r.gaps++
		}
		if int32(ts-r.ts) < 0 {
			r.back++
		}
	}
	r.packets++
	r.seq, r.ts = seq, ts
	if track.Kind() == webrtc.RTPCodecTypeVideo {
		r.pics.push(seq, ts, marker, payload)
	}
}

func (p *testPlayer) look(f func(video, audio *received) bool) func() bool {
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return f(&p.video, &p.audio)
	}
}

// watch opens a player. kinds as given are offered, recvonly.
func watch(t *testing.T, base, name string, kinds ...webrtc.RTPCodecType) *testPlayer {
	t.Helper()
	return watchWith(t, base, name, func(offer string) string { return offer }, kinds...)
}

// watchWith is watch with an offer that is changed on its way.
func watchWith(t *testing.T, base, name string, change func(string) string, kinds ...webrtc.RTPCodecType) *testPlayer {
	t.Helper()
	p := newTestPlayer(t, kinds...)
	p.session = negotiate(t, p.pc, base, "/whep/"+name, "", change)
	return p
}

// newTestPlayer returns a player that has not made an offer yet.
func newTestPlayer(t *testing.T, kinds ...webrtc.RTPCodecType) *testPlayer {
	t.Helper()
	p := &testPlayer{pc: newTestPeer(t), closed: make(chan struct{})}
	for _, kind := range kinds {
		_, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		r := &p.video
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			r = &p.audio
		}
		for {
			pkt, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			p.mu.Lock()
			r.add(track, pkt.SequenceNumber, pkt.Timestamp, pkt.Marker, pkt.Payload)
			p.mu.Unlock()
		}
	})
	var once sync.Once
	p.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateClosed || state == webrtc.PeerConnectionStateFailed {
			once.Do(func() { close(p.closed) })
		}
	})
	return p
}

// askKeyFrame sends a PLI for the video.
func (p *testPlayer) askKeyFrame(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	ssrc := p.video.ssrc
	p.mu.Unlock()
	if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(ssrc)}}); err != nil {
		t.Fatal(err)
	}
}
