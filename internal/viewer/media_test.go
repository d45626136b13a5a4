package viewer

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/rtsp2whip/rtsp2whip/testdata"
)

func audioCodec(name string) webrtc.RTPCodecCapability {
	switch name {
	case "pcmu":
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}
	case "pcma":
		return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}
	}
	return webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
}

func clipOf(t *testing.T, name string) *testdata.Video {
	t.Helper()
	clip, err := testdata.Clip(name)
	if err != nil {
		t.Fatal(err)
	}
	return clip
}

func soundOf(t *testing.T, name string) *testdata.Sound {
	t.Helper()
	sound, err := testdata.Audio(name)
	if err != nil {
		t.Fatal(err)
	}
	return sound
}

// sending is one track of a publisher.
type sending struct {
	track  *webrtc.TrackLocalStaticRTP
	sender *webrtc.RTPSender
}

func addTrack(t *testing.T, pc *webrtc.PeerConnection, codec webrtc.RTPCodecCapability) *sending {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(codec, codec.MimeType, "s")
	if err != nil {
		t.Fatal(err)
	}
	transceiver, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &sending{track: track, sender: transceiver.Sender()}
}

// listen calls pli for each picture loss indication until the sender stops.
func (s *sending) listen(pli func()) {
	for {
		packets, _, err := s.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, pkt := range packets {
			if _, ok := pkt.(*rtcp.PictureLossIndication); ok {
				pli()
			}
		}
	}
}

// player sends a clip in real time, over and over.
type player struct {
	clip   *testdata.Video
	track  *webrtc.TrackLocalStaticRTP
	rewind atomic.Bool
}

func (p *player) run(ctx context.Context) {
	packets := rtp.NewPacketizer(1200, 0, 0, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), 90000)
	tick := time.NewTicker(time.Second / time.Duration(p.clip.FPS))
	defer tick.Stop()
	for i := 0; ; i++ {
		if p.rewind.Swap(false) {
			i = 0
		}
		var unit []byte
		for _, nalu := range p.clip.AccessUnits[i%len(p.clip.AccessUnits)] {
			unit = append(append(unit, 0, 0, 0, 1), nalu...)
		}
		for _, pkt := range packets.Packetize(unit, uint32(90000/p.clip.FPS)) {
			_ = p.track.WriteRTP(pkt) // fails only while the peer ends
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func playSound(ctx context.Context, track *webrtc.TrackLocalStaticRTP, sound *testdata.Sound) {
	tick := time.NewTicker(time.Duration(sound.Samples) * time.Second / time.Duration(sound.ClockRate))
	defer tick.Stop()
	for i := 0; ; i++ {
		_ = track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i * sound.Samples)},
			Payload: sound.Packets[i%len(sound.Packets)],
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
