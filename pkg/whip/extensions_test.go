package whip

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// wire keeps the headers that arrived, before any repair.
type wire struct {
	mu      sync.Mutex
	headers []rtp.Header
	lost    map[uint16]bool
}

func (w *wire) lose(kind string, h *rtp.Header) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.headers = append(w.headers, h.Clone())
	first := h.SSRC == w.headers[0].SSRC && kind == Video && h.SequenceNumber%50 == 7 && !w.lost[h.SequenceNumber]
	if first {
		w.lost[h.SequenceNumber] = true
	}
	return first
}

// Where the answer takes them: RTX on a stream of its own, the mid and the
// transport-wide number on every packet of every track, and feedback about it.
func TestExtras(t *testing.T) {
	w := wire{lost: map[uint16]bool{}}
	server := whiptest.NewServer(t, whiptest.Config{Extras: true, Lose: w.lose})
	s := publish(t, server, Config{}, videoTrack, opusTrack)
	// mid and number: 4 + 1+1 + 1+2, padded to 12; 2 more for RTX.
	if got := s.ExtensionBytes(); got != 14 {
		t.Errorf("%d bytes of extensions", got)
	}
	pump(t, s, 0, 1000)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 100)
	pump(t, s, 1, 160)
	peer.WaitPackets(t, Audio, 100)
	eventually(t, "retransmissions", func() bool { return s.Stats().Tracks[0].Retransmitted > 3 })
	eventually(t, "feedback", func() bool { return s.Stats().DeliveredRate > 0 })
	st := s.Stats()
	if st.AvailableRate == 0 || st.DeliveredRate > 100e6 || st.DeliveredLoss > 0.5 {
		t.Errorf("%+v", st)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	numbers, seqs := map[uint16]bool{}, map[uint32][]uint16{}
	for _, h := range w.headers {
		var number rtp.TransportCCExtension
		if err := number.Unmarshal(h.GetExtension(extmapID(t, peer.Answer(), uriTWCC))); err != nil {
			t.Fatalf("%+v: %v", h, err)
		}
		if numbers[number.TransportSequence] {
			t.Errorf("number %d twice", number.TransportSequence)
		}
		numbers[number.TransportSequence] = true
		if mid := string(h.GetExtension(extmapID(t, peer.Answer(), uriMID))); mid != "0" && mid != "1" {
			t.Errorf("mid %q", mid)
		}
		seqs[h.SSRC] = append(seqs[h.SSRC], h.SequenceNumber)
	}
	rtx := s.tracks[0].rtxSSRC
	if len(seqs) != 3 || len(seqs[rtx]) == 0 || !strings.Contains(peer.Offer(), "a=ssrc-group:FID") {
		t.Errorf("%d streams, %d packets of RTX", len(seqs), len(seqs[rtx]))
	}
	for i, seq := range seqs[rtx] {
		if seq != seqs[rtx][0]+uint16(i) {
			t.Errorf("RTX numbers %v", seqs[rtx])
		}
	}
}

func extmapID(t *testing.T, answer, uri string) uint8 {
	t.Helper()
	for line := range strings.Lines(answer) {
		if v, ok := strings.CutPrefix(line, "a=extmap:"); ok && strings.Contains(line, uri) {
			return v[0] - '0'
		}
	}
	t.Fatalf("no extension %s in the answer", uri)
	return 0
}

// Towards a server whose answer has none of it, nothing is sent.
func TestNoExtras(t *testing.T) {
	w := wire{lost: map[uint16]bool{}}
	server := whiptest.NewServer(t, whiptest.Config{Lose: w.lose})
	s := publish(t, server, Config{}, videoTrack, opusTrack)
	pump(t, s, 0, 1000)
	server.WaitSession(t).WaitPackets(t, Video, 200)
	eventually(t, "retransmissions", func() bool { return s.Stats().Tracks[0].Retransmitted > 0 })
	if s.ExtensionBytes() != 0 || s.Stats().DeliveredRate != 0 {
		t.Errorf("%d bytes of extensions, %+v", s.ExtensionBytes(), s.Stats())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.headers {
		if h.Extension || h.SSRC != s.tracks[0].ssrc {
			t.Fatalf("%+v", h)
		}
	}
}

// withoutExtras checks that a section of an offer has the header extensions,
// transport-wide feedback for each codec and RTX for each of video, and nothing that
// RTX does without; it returns the section without them.
func withoutExtras(t *testing.T, m *sdp.MediaDescription) *sdp.MediaDescription {
	t.Helper()
	out := *m
	out.Attributes = nil
	out.MediaName.Formats = nil
	rtx, extensions := map[string]string{}, 0
	for _, f := range m.MediaName.Formats {
		if name, fmtp := formatOf(m, f); name == "rtx" {
			rtx[f] = fmtpValue(fmtp, "apt")
		} else {
			out.MediaName.Formats = append(out.MediaName.Formats, f)
		}
	}
	for _, a := range m.Attributes {
		format, rest, _ := strings.Cut(a.Value, " ")
		switch {
		case a.Key == "extmap" && (rest == uriMID || rest == uriTWCC):
			extensions++
		case a.Key == "rtcp-fb" && rest == "transport-cc":
			extensions++
		case rtx[format] != "" && (a.Key == "rtpmap" || a.Key == "fmtp"):
		default:
			out.Attributes = append(out.Attributes, a)
		}
	}
	if want := 2 + len(out.MediaName.Formats); extensions != want {
		t.Errorf("m=%s: %d extensions and feedbacks, want %d", m.MediaName.Media, extensions, want)
	}
	if m.MediaName.Media == Video && len(rtx) != len(out.MediaName.Formats) || m.MediaName.Media == Audio && len(rtx) != 0 {
		t.Errorf("m=%s: RTX %v", m.MediaName.Media, rtx)
	}
	return &out
}

func TestFeedbackWindow(t *testing.T) {
	var f feedbackWindow
	f.next = 65500 // across the wrap
	now := time.Now()
	if rate, loss := f.delivered(now); rate != 0 || loss != 0 {
		t.Errorf("%d, %v before any feedback", rate, loss)
	}
	// 10 reports of 100 ms, each about 100 packets of 1,250 bytes: 10 Mb/s, of which
	// every tenth is lost.
	for i := range 10 {
		var first uint16
		for j := range 100 {
			if seq := f.sent(1250); j == 0 {
				first = seq
			}
		}
		p := &rtcp.TransportLayerCC{BaseSequenceNumber: first, PacketStatusCount: 100}
		for range 10 {
			p.PacketChunks = append(p.PacketChunks,
				&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 9},
				&rtcp.StatusVectorChunk{SymbolList: []uint16{rtcp.TypeTCCPacketNotReceived}})
		}
		at := now.Add(time.Duration(i) * 100 * time.Millisecond)
		f.note(p, at)
		f.note(p, at) // a repetition changes nothing
	}
	rate, loss := f.delivered(now.Add(time.Second))
	if rate < 8e6 || rate > 10e6 || loss < 0.09 || loss > 0.11 {
		t.Errorf("%d, %v", rate, loss)
	}
	if rate, _ := f.delivered(now.Add(10 * time.Second)); rate != 0 {
		t.Errorf("%d long after", rate)
	}
	// Late packets are no loss; nonsense does no harm.
	f.note(&rtcp.TransportLayerCC{BaseSequenceNumber: 1000, PacketStatusCount: 65535, PacketChunks: []rtcp.PacketStatusChunk{
		&rtcp.RunLengthChunk{PacketStatusSymbol: 3, RunLength: 8191}, nil, &rtcp.StatusVectorChunk{},
	}}, now.Add(time.Second))
}

func TestAvailable(t *testing.T) {
	for _, c := range []struct {
		loss float64
		want int
	}{{0, 1250}, {0.05, 1000}, {0.2, 900}, {1, 500}} {
		if got := available(1000, c.loss); got != c.want {
			t.Errorf("loss %v: %d, want %d", c.loss, got, c.want)
		}
	}
}

// Header extensions cost no allocation either.
func TestExtendedWriteDoesNotAllocate(t *testing.T) {
	track := trackTo(t, &nowhere{}, extras{mid: "0", midID: 1, twccID: 2})
	s := &Session{tracks: []*localTrack{track}}
	h := rtp.Header{Version: 2}
	payload := make([]byte, 1172)
	for range 2000 { // the history grows to its size
		h.SequenceNumber++
		_ = s.WriteRTP(0, &h, payload)
	}
	if n := testing.AllocsPerRun(1000, func() {
		h.SequenceNumber++
		_ = s.WriteRTP(0, &h, payload)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if h.Extension || h.Extensions != nil {
		t.Errorf("the caller's header is left with extensions: %+v", h)
	}
}
