package viewer

import (
	"log/slog"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// tape is a writer that keeps the headers.
type tape struct {
	headers []rtp.Header
	deaf    bool // drops packets, as pion does before it can encrypt
}

func (w *tape) WriteRTP(h *rtp.Header, _ []byte) (int, error) {
	if w.deaf {
		return 0, nil
	}
	w.headers = append(w.headers, *h)
	return 12, nil
}

func (w *tape) Write([]byte) (int, error) { return 0, nil }

func packet(seq uint16, ts uint32) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, SSRC: 7}}
}

func boundRelay(kind webrtc.RTPCodecType) (*relay, *tape) {
	w := &tape{}
	r := newRelay(kind, webrtc.RTPCodecCapability{ClockRate: 90000})
	r.writer, r.ssrc, r.pt, r.up = w, 99, 102, true
	return r, w
}

func TestRelayContinuesOverPublishers(t *testing.T) {
	r, w := boundRelay(webrtc.RTPCodecTypeVideo)
	first, second := &publisher{}, &publisher{}
	now := time.Now()

	if !r.write(first, packet(65534, 100), false, now) {
		t.Error("a packet before the first entry point: no key frame wanted")
	}
	r.write(first, packet(65535, 3700), true, now)
	r.write(first, packet(65534, 100), false, now) // late, from before the entry
	r.write(first, packet(0, 3700), false, now)
	r.write(first, packet(1, 7300), false, now.Add(40*time.Millisecond))

	now = now.Add(2*time.Second + 40*time.Millisecond)
	if !r.write(second, packet(500, 5), false, now) {
		t.Error("a new publisher's packet before its first entry point: no key frame wanted")
	}
	r.write(second, packet(501, 3605), true, now)
	r.write(second, packet(503, 7205), false, now) // one was lost: the gap stays

	if len(w.headers) != 5 {
		t.Fatalf("%d packets sent, want 5", len(w.headers))
	}
	start := w.headers[0]
	for i, want := range []struct {
		seq uint16
		ts  uint32
	}{{0, 0}, {1, 0}, {2, 3600}, {3, 3600 + 180000}, {5, 3600 + 180000 + 3600}} {
		h := w.headers[i]
		if h.SequenceNumber-start.SequenceNumber != want.seq || h.Timestamp-start.Timestamp != want.ts {
			t.Errorf("packet %d: seq +%d, timestamp +%d; want +%d, +%d",
				i, h.SequenceNumber-start.SequenceNumber, h.Timestamp-start.Timestamp, want.seq, want.ts)
		}
		if h.SSRC != 99 || h.PayloadType != 102 {
			t.Errorf("packet %d: SSRC %d, payload type %d", i, h.SSRC, h.PayloadType)
		}
	}
}

func TestRelayWaitsForEncryption(t *testing.T) {
	r, w := boundRelay(webrtc.RTPCodecTypeVideo)
	r.up, w.deaf = false, true
	pub, now := &publisher{}, time.Now()
	r.write(pub, packet(1, 1), true, now)
	if r.write(pub, packet(2, 1), false, now) {
		t.Error("a key frame is wanted before the peer has connected")
	}
	r.open()
	w.deaf = false
	if !r.write(pub, packet(3, 1), false, now) || len(w.headers) > 0 {
		t.Error("a picture without its beginning was sent, or no key frame wanted")
	}
	r.write(pub, packet(4, 3600), true, now)
	if len(w.headers) != 1 {
		t.Errorf("%d packets sent, want 1", len(w.headers))
	}
}

func TestRelayOfSoundStartsAnywhere(t *testing.T) {
	r, w := boundRelay(webrtc.RTPCodecTypeAudio)
	if r.write(&publisher{}, packet(1, 1), false, time.Now()) || len(w.headers) != 1 {
		t.Error("the first sound packet was held back")
	}
}

func TestRelayIsSilentUnlessBound(t *testing.T) {
	r, w := boundRelay(webrtc.RTPCodecTypeVideo)
	if err := r.Unbind(nil); err != nil {
		t.Fatal(err)
	}
	if r.write(&publisher{}, packet(1, 1), true, time.Now()) || len(w.headers) > 0 {
		t.Error("an unbound relay wrote, or asked for a key frame")
	}
}

func TestChooseCodec(t *testing.T) {
	h264 := func(pt webrtc.PayloadType, fmtp string) webrtc.RTPCodecParameters {
		return webrtc.RTPCodecParameters{PayloadType: pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: "video/H264", ClockRate: 90000, SDPFmtpLine: fmtp,
		}}
	}
	all := []webrtc.RTPCodecParameters{
		{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "video/VP8"}},
		h264(100, "packetization-mode=0;profile-level-id=64001f"),
		h264(101, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
		h264(102, "packetization-mode=1; profile-level-id=4D0028"),
	}
	for _, tt := range []struct {
		profile string
		have    []webrtc.RTPCodecParameters
		want    webrtc.PayloadType
	}{
		{"4d001f", all, 102},
		{"42e01e", all, 101},
		{"640028", all, 101},     // High: no such entry with mode 1
		{"640028", all[:2], 100}, // nothing but mode 0
		{"", all, 101},
		{"42e01f", all[:1], 0},
	} {
		want := webrtc.RTPCodecCapability{MimeType: "video/H264", SDPFmtpLine: "profile-level-id=" + tt.profile}
		got, ok := chooseCodec(want, tt.have)
		if got.PayloadType != tt.want || ok != (tt.want != 0) {
			t.Errorf("%s of %d: %d, %v; want %d", tt.profile, len(tt.have), got.PayloadType, ok, tt.want)
		}
	}
}

func TestArrivals(t *testing.T) {
	for _, tt := range []struct {
		name string
		seqs []uint16
		lost uint64
	}{
		{"in order", []uint16{1, 2, 3}, 0},
		{"around the end", []uint16{65534, 65535, 0, 1}, 0},
		{"a gap", []uint16{1, 2, 5}, 2},
		{"a gap around the end", []uint16{65534, 1}, 2},
		{"late", []uint16{1, 3, 2}, 0},
		{"late before the first", []uint16{3, 2, 4}, 0},
		{"twice", []uint16{1, 1, 2}, 0},
		{"none", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a arrivals
			for _, seq := range tt.seqs {
				a.add(seq, 10)
			}
			if got := a.lost(); got != tt.lost {
				t.Errorf("%d lost, want %d", got, tt.lost)
			}
			a.restart()
			a.add(40000, 10)
			if got := a.lost(); got != tt.lost {
				t.Errorf("%d lost after a new publisher, want %d", got, tt.lost)
			}
			if a.packets != uint64(len(tt.seqs))+1 || a.bytes != 10*a.packets {
				t.Errorf("%d packets, %d bytes", a.packets, a.bytes)
			}
		})
	}
}

func TestForwardingAllocatesOnlyHeaders(t *testing.T) {
	st := newStream("gate", 0, false, slog.New(slog.DiscardHandler))
	pub := &publisher{}
	if _, ok := st.attach(pub); !ok {
		t.Fatal("not attached")
	}
	for range 3 {
		r, _ := boundRelay(webrtc.RTPCodecTypeVideo)
		r.writer = nullWriter{}
		st.join(&viewer{video: r})
	}
	pkt := packet(1, 1)
	pkt.Payload = append([]byte{0x78, 0, 4, 0x67, 0x42, 0xc0, 0x1e, 0, 2, 0x68, 1}, make([]byte, 1000)...)
	now := time.Now()
	st.forward(pub, webrtc.RTPCodecTypeVideo, pkt, now)
	got := testing.AllocsPerRun(1000, func() {
		pkt.SequenceNumber++
		st.forward(pub, webrtc.RTPCodecTypeVideo, pkt, now)
	})
	// The header escapes into pion's interceptors, once for each player.
	if got > 3 {
		t.Errorf("%.1f allocations for a packet to 3 players", got)
	}
}

type nullWriter struct{}

func (nullWriter) WriteRTP(*rtp.Header, []byte) (int, error) { return 12, nil }

func (nullWriter) Write([]byte) (int, error) { return 0, nil }
