package sdkroom

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func token(context.Context) (string, error) { return "eyJh.secret.token", nil }

func TestOfferedCodecs(t *testing.T) {
	for _, c := range []struct {
		track Track
		fmtp  string
		bad   bool
	}{
		{Track{Codec: H264, ProfileLevelID: "42c01e"}, "profile-level-id=42e01f", false},
		{Track{Codec: H264, ProfileLevelID: "4d401f"}, "profile-level-id=42e01f", false},
		{Track{Codec: H264, ProfileLevelID: "640028"}, "profile-level-id=640032", false},
		{Track{Codec: H264}, "packetization-mode=1", false},
		{Track{Codec: Opus}, "", false},
		{Track{Codec: PCMA}, "", false},
		{Track{Codec: PCMU}, "", false},
		{Track{Codec: "H265"}, "", true},
	} {
		got, err := c.track.offered()
		if (err != nil) != c.bad || !strings.Contains(got.SDPFmtpLine, c.fmtp) || !c.bad && nameOf(got.MimeType) != c.track.Codec {
			t.Errorf("%+v: %+v, %v", c.track, got, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	video, audio := Track{Codec: H264}, Track{Codec: Opus}
	for name, c := range map[string]struct {
		cfg    Config
		tracks []Track
	}{
		"no URL":       {Config{Token: token}, []Track{video}},
		"no token":     {Config{URL: "ws://h"}, []Track{video}},
		"no track":     {Config{URL: "ws://h", Token: token}, nil},
		"two videos":   {Config{URL: "ws://h", Token: token}, []Track{video, video}},
		"two audios":   {Config{URL: "ws://h", Token: token}, []Track{audio, audio}},
		"H.265":        {Config{URL: "ws://h", Token: token}, []Track{{Codec: "H265"}}},
		"three tracks": {Config{URL: "ws://h", Token: token}, []Track{video, audio, audio}},
	} {
		_, err := Publish(t.Context(), c.cfg, c.tracks)
		var e *Error
		if !errors.As(err, &e) || e.Op != "config" || !e.Slow() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// bound is one peer connection as a track sees it.
type bound struct {
	webrtc.TrackLocalContext
	id     string
	codecs []webrtc.RTPCodecParameters
	sent   []rtp.Header
}

func (b *bound) ID() string                                   { return b.id }
func (b *bound) SSRC() webrtc.SSRC                            { return webrtc.SSRC(len(b.id)) }
func (b *bound) CodecParameters() []webrtc.RTPCodecParameters { return b.codecs }
func (b *bound) WriteStream() webrtc.TrackLocalWriter         { return b }
func (b *bound) Write([]byte) (int, error)                    { return 0, errors.New("not this way") }
func (b *bound) WriteRTP(h *rtp.Header, _ []byte) (int, error) {
	_ = h.SetExtension(1, []byte{1}) // as an interceptor may
	b.sent = append(b.sent, h.Clone())
	return 0, nil
}

func h264(pt uint8) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "video/h264"}, PayloadType: webrtc.PayloadType(pt)}
}

func TestTrackFollowsThePeerConnection(t *testing.T) {
	track := &outTrack{codec: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}}
	write := func(seq uint16) {
		track.write(&rtp.Header{SequenceNumber: seq, SSRC: 99, PayloadType: 99}, []byte{1, 2})
	}
	write(1) // nobody there yet
	first := &bound{id: "a", codecs: []webrtc.RTPCodecParameters{{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "video/vp8"}}, h264(108)}}
	if _, err := track.Bind(first); err != nil {
		t.Fatal(err)
	}
	write(2)
	second := &bound{id: "bb", codecs: []webrtc.RTPCodecParameters{h264(123)}}
	if _, err := track.Bind(second); err != nil {
		t.Fatal(err)
	}
	if err := track.Unbind(first); err != nil { // the old one goes after the new one came
		t.Fatal(err)
	}
	write(3)
	if err := track.Unbind(second); err != nil {
		t.Fatal(err)
	}
	write(4)
	if len(first.sent) != 1 || len(second.sent) != 1 || track.packets.Load() != 2 || track.bytes.Load() != 4 {
		t.Fatalf("sent %d and %d, counted %d", len(first.sent), len(second.sent), track.packets.Load())
	}
	if h := second.sent[0]; h.SequenceNumber != 3 || h.SSRC != 2 || h.PayloadType != 123 || len(h.Extensions) != 1 {
		t.Errorf("%+v", h)
	}
	if _, err := track.Bind(&bound{id: "c"}); err == nil {
		t.Error("bound without a codec")
	}
}

func TestWritingAllocatesNothing(t *testing.T) {
	track := &outTrack{codec: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}}
	track.source.Store(&binding{out: sink{}})
	h, payload := &rtp.Header{}, make([]byte, 1000)
	if n := testing.AllocsPerRun(1000, func() { track.write(h, payload) }); n != 0 {
		t.Errorf("%.0f allocations a packet", n)
	}
}

type sink struct{}

func (sink) Write([]byte) (int, error)                 { return 0, nil }
func (sink) WriteRTP(*rtp.Header, []byte) (int, error) { return 0, nil }

func TestFeedback(t *testing.T) {
	asked := 0
	s := &Session{cfg: Config{OnKeyFrameRequest: func() { asked++ }}}
	f := &feedback{session: s, counts: make(map[uint32]*trackFeedback)}
	now := time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	// Sent a second ago, kept for half of one.
	sender := uint32((uint64(now.Unix())+2208988800)<<16|1<<15) - 1<<16
	packets := []rtcp.Packet{
		&rtcp.PictureLossIndication{MediaSSRC: 7},
		&rtcp.TransportLayerNack{MediaSSRC: 7, Nacks: []rtcp.NackPair{{PacketID: 5, LostPackets: 0b101}}},
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 7, FractionLost: 64, LastSenderReport: sender, Delay: 1 << 15}}},
	}
	b, err := rtcp.Marshal(packets)
	if err != nil {
		t.Fatal(err)
	}
	read := f.BindRTCPReader(interceptor.RTCPReaderFunc(func(to []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		return copy(to, b), a, nil
	}))
	if _, _, err := read.Read(make([]byte, 1500), nil); err != nil {
		t.Fatal(err)
	}
	f.take(packets[2:], now)
	fb := f.counts[7]
	if asked != 1 || f.keyAsked != 1 || fb.nacked != 3 || fb.lost != 0.25 || fb.reported != now {
		t.Errorf("asked %d, %+v", asked, fb)
	}
	if f.rtt != 500*time.Millisecond {
		t.Errorf("round trip %s, want 500 ms", f.rtt)
	}
	if _, ok := roundTrip(rtcp.ReceptionReport{LastSenderReport: sender + 5<<16}, now); ok {
		t.Error("a round trip into the past")
	}
	if _, ok := roundTrip(rtcp.ReceptionReport{}, now); ok {
		t.Error("a round trip without a sender report")
	}
}

func FuzzFeedback(f *testing.F) {
	for _, p := range []rtcp.Packet{
		&rtcp.PictureLossIndication{MediaSSRC: 7}, &rtcp.FullIntraRequest{MediaSSRC: 7},
		&rtcp.TransportLayerNack{Nacks: []rtcp.NackPair{{PacketID: 5, LostPackets: 0xffff}}},
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 7, LastSenderReport: 1}}},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		s := &Session{cfg: Config{OnKeyFrameRequest: func() {}}}
		fb := &feedback{session: s, counts: make(map[uint32]*trackFeedback)}
		read := fb.BindRTCPReader(interceptor.RTCPReaderFunc(func(to []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
			return copy(to, b), a, nil
		}))
		_, _, _ = read.Read(make([]byte, 1500), nil)
	})
}

func TestALostConnectionHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := &Session{cfg: Config{Grace: DefaultGrace, OnKeyFrameRequest: func() { asked++ }}, done: make(chan struct{})}
		s.reconnecting()
		s.reconnecting() // it tells so more than once
		time.Sleep(DefaultGrace - time.Second)
		s.reconnected()
		time.Sleep(time.Minute)
		if s.Err() != nil || s.resumes != 1 || asked != 1 {
			t.Errorf("%v, found again %d times, asked for %d key frames", s.Err(), s.resumes, asked)
		}
		s.reconnecting()
		time.Sleep(DefaultGrace + time.Second)
		if err := s.Err(); err == nil || err.Error() != "session: the connection to LiveKit was lost for 15s" {
			t.Errorf("%v", err)
		}
		s.disconnected(lksdk.DuplicateIdentity) // too late to count
		if err := s.Err(); strings.Contains(err.Error(), "duplicate") {
			t.Errorf("%v", err)
		}
		if err := s.WriteRTP(0, &rtp.Header{}, nil); err == nil {
			t.Error("written after the end")
		}
	})
}

func TestJoinErrors(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "invalid token: "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), http.StatusUnauthorized)
	}))
	defer refuses.Close()
	defer http.DefaultClient.CloseIdleConnections()
	closed, release, err := ports.Shut("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for _, c := range []struct {
		name, url, text string
		slow            bool
	}{
		{"a token that is refused", "ws" + strings.TrimPrefix(refuses.URL, "http"), "join ws://", true},
		{"nobody there", "ws://" + closed, "connection refused", false},
	} {
		_, err := Publish(t.Context(), Config{URL: c.url, Token: token}, []Track{{Codec: H264}})
		var e *Error
		if !errors.As(err, &e) || e.Op != "join" || e.Slow() != c.slow || (e.Hint() != "") != c.slow || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v (hint %q)", c.name, err, e.Hint())
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the token is in %q", c.name, err)
		}
	}
	_, err = Publish(t.Context(), Config{URL: "ws://h", Token: func(context.Context) (string, error) { return "", errors.New("no key") }}, []Track{{Codec: H264}})
	if err == nil || err.Error() != "token: no key" {
		t.Errorf("%v", err)
	}
}
