package whip

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		name           string
		session, media string
		want           int
	}{
		{"none", "", "", 0},
		{"AS", "", "b=AS:2000\r\n", 2_000_000},
		{"TIAS", "", "b=TIAS:1500000\r\n", 1_500_000},
		{"the lower one", "", "b=AS:2000\r\nb=TIAS:1500000\r\n", 1_500_000},
		{"the session's", "b=AS:500\r\n", "b=AS:2000\r\n", 500_000},
		{"others", "b=CT:100\r\n", "b=RS:800\r\nb=RR:2400\r\nb=X-AS:5\r\n", 0},
		{"nothing", "", "b=AS:0\r\n", 0},
		{"absurd", "", "b=TIAS:18446744073709551615\r\nb=AS:18446744073709551615\r\n", 0},
	} {
		var d sdp.SessionDescription
		err := d.UnmarshalString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n" + c.session + "t=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n" + c.media)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := allowed(&d, d.MediaDescriptions[0]); got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
}

func TestTMMBR(t *testing.T) {
	for _, c := range []tmmb{
		{sender: 7, format: fmtTMMBR},
		{sender: 7, format: fmtTMMBR, entries: []tmmbEntry{{5, 0, 0}}},
		{sender: 1 << 31, format: fmtTMMBR, entries: []tmmbEntry{{5, 131071, 40}, {6, 1 << 30, 511}}},
	} {
		got, err := parseTMMBR(c.marshal())
		if err != nil || got.sender != c.sender || len(got.entries) != len(c.entries) {
			t.Fatalf("%+v: %+v, %v", c, got, err)
		}
		for i := range c.entries {
			if got.entries[i] != c.entries[i] {
				t.Errorf("%+v: %+v", c.entries[i], got.entries[i])
			}
		}
	}
	good := tmmb{sender: 7, format: fmtTMMBR, entries: []tmmbEntry{{5, 1, 0}}}.marshal()
	top := bytes.Clone(good)
	top[16] = 0xff // an exponent of 63
	if got, err := parseTMMBR(top); err != nil || got.entries[0].rate != math.MaxInt {
		t.Errorf("%+v, %v", got, err)
	}
	for name, raw := range map[string][]byte{
		"empty": {}, "cut": good[:19], "a notification": tmmb{format: fmtTMMBN}.marshal(), "a wrong length": append(bytes.Clone(good), 0, 0, 0, 0, 0, 0, 0, 0),
		"too many": tmmb{format: fmtTMMBR, entries: make([]tmmbEntry, maxTMMB+1)}.marshal(),
	} {
		if _, err := parseTMMBR(raw); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParseTMMBR(f *testing.F) {
	f.Add(tmmb{sender: 7, format: fmtTMMBR, entries: []tmmbEntry{{5, 2_000_000, 40}}}.marshal())
	f.Add([]byte{0x83, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseTMMBR(raw)
		if err != nil {
			return
		}
		for _, e := range got.entries {
			if e.rate < 0 || e.overhead > 511 {
				t.Errorf("%+v", e)
			}
		}
		if again, err := parseTMMBR(got.marshal()); err != nil || len(again.entries) != len(got.entries) {
			t.Errorf("%+v: %v", again, err)
		}
	})
}

// What the server allows is told, and a request for less is answered; the stream goes
// on as it is.
func TestServerLimits(t *testing.T) {
	server := whiptest.NewServer(t, whiptest.Config{MutateAnswer: func(s string) string {
		return strings.Replace(s, "a=mid:0\r\n", "b=AS:2000\r\na=mid:0\r\n", 1)
	}})
	s := publish(t, server, Config{}, videoTrack, opusTrack)
	if st := s.Stats(); st.Tracks[0].AllowedRate != 2_000_000 || st.Tracks[1].AllowedRate != 0 {
		t.Errorf("%+v", st.Tracks)
	}
	pump(t, s, 0, 500)
	peer := server.WaitSession(t)
	peer.WaitPackets(t, Video, 5)
	// As RTCP has it, behind a report: the WebRTC library finds the stream by that.
	report := &rtcp.ReceiverReport{SSRC: 77, Reports: []rtcp.ReceptionReport{{SSRC: s.Stats().Tracks[0].SSRC}}}
	request := rtcp.RawPacket(tmmb{sender: 77, format: fmtTMMBR, entries: []tmmbEntry{{s.Stats().Tracks[0].SSRC, 800_000, 40}}}.marshal())
	if err := peer.WriteRTCP(report, &request); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the limit", func() bool { return s.Stats().Tracks[0].AllowedRate == 800_000 })
	peer.WaitFor(t, "a TMMBN", func() bool {
		for _, raw := range peer.Track(Video).Unknown {
			if raw[0] == 2<<6|fmtTMMBN && raw[1] == 205 {
				raw[0] = 2<<6 | fmtTMMBR // the same form
				n, err := parseTMMBR(raw)
				return err == nil && len(n.entries) == 1 && n.entries[0] == tmmbEntry{77, 800_000, 40}
			}
		}
		return false
	})
	// A request for another stream, or one that makes no sense, changes nothing.
	other := rtcp.RawPacket(tmmb{sender: 77, format: fmtTMMBR, entries: []tmmbEntry{{1, 1000, 40}}}.marshal())
	if err := peer.WriteRTCP(report, &other); err != nil {
		t.Fatal(err)
	}
	if err := peer.WriteRTCP(&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 3_000_000, SSRCs: []uint32{s.Stats().Tracks[0].SSRC}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the estimate", func() bool { return s.Stats().AvailableRate == 3_000_000 })
	if got := s.Stats().Tracks[0].AllowedRate; got != 800_000 {
		t.Errorf("%d allowed", got)
	}
	peer.WaitPackets(t, Video, peer.Track(Video).Packets+20)
}

func TestEstimateGrowsOld(t *testing.T) {
	var e estimate
	now := time.Unix(1000, 0)
	if e.rate(now) != 0 {
		t.Error("an estimate of nothing")
	}
	e.note(2.5e6, now)
	if got := e.rate(now.Add(estimateLife)); got != 2_500_000 {
		t.Errorf("%d", got)
	}
	if got := e.rate(now.Add(estimateLife + 1)); got != 0 {
		t.Errorf("%d after its life", got)
	}
	e.note(float32(math.Inf(1)), now)
	if got := e.rate(now); got != 0 {
		t.Errorf("%d of an infinite one", got)
	}
}
