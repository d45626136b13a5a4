package whip

import (
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/sdp/v3"

	"github.com/rtsp2whip/rtsp2whip/internal/whiptest"
)

// textLogger logs what is of interest to w, and everything to where all tests do.
func textLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewMultiHandler(slog.NewTextHandler(w, nil), unlogged))
}

// offerOf returns the offer that a server gets for the tracks.
func offerOf(t *testing.T, cfg Config, tracks ...Track) (string, *sdp.SessionDescription) {
	t.Helper()
	server := whiptest.NewServer(t, whiptest.Config{})
	s := publish(t, server, cfg, tracks...)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := server.Requests("POST")[0].Body
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		t.Fatal(err)
	}
	return text, &d
}

func values(m *sdp.MediaDescription, key string) []string {
	var out []string
	for _, a := range m.Attributes {
		if a.Key == key {
			out = append(out, a.Value)
		}
	}
	return out
}

func TestOffer(t *testing.T) {
	text, d := offerOf(t, Config{}, videoTrack, opusTrack)
	if len(d.MediaDescriptions) != 2 {
		t.Fatalf("%d media sections", len(d.MediaDescriptions))
	}
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\r\n") {
			t.Fatalf("line %q", line)
		}
	}
	var mids, streams []string
	for i, m := range d.MediaDescriptions {
		for _, flag := range []string{"sendonly", "rtcp-mux", "rtcp-mux-only"} {
			if n := len(values(m, flag)); n != 1 {
				t.Errorf("m=%s: a=%s %d times", m.MediaName.Media, flag, n)
			}
		}
		for _, absent := range []string{"sendrecv", "recvonly", "inactive", "rid", "simulcast", "ice-lite"} {
			if len(values(m, absent)) != 0 {
				t.Errorf("m=%s: a=%s", m.MediaName.Media, absent)
			}
		}
		if got := values(m, "setup"); !slices.Equal(got, []string{"actpass"}) {
			t.Errorf("m=%s: setup %v", m.MediaName.Media, got)
		}
		if hasCandidates := len(values(m, "candidate")) > 0; hasCandidates != (i == 0) {
			t.Errorf("m=%s: candidates %v", m.MediaName.Media, hasCandidates)
		}
		mids = append(mids, values(m, "mid")...)
		for _, msid := range values(m, "msid") {
			stream, _, _ := strings.Cut(msid, " ")
			streams = append(streams, stream)
		}
	}
	if group, _ := d.Attribute("group"); group != "BUNDLE "+strings.Join(mids, " ") {
		t.Errorf("group %q, mids %v", group, mids)
	}
	if len(streams) != 2 || streams[0] != streams[1] || len(streams[0]) < 24 {
		t.Errorf("streams %v", streams)
	}
	if len(values(d.MediaDescriptions[0], "end-of-candidates")) != 1 {
		t.Error("no end-of-candidates although gathering is complete")
	}
	if strings.Contains(text, "sprop") {
		t.Error("parameter sets in the offer")
	}
}

func TestOfferedFormats(t *testing.T) {
	h264 := func(id string) Track { return Track{Kind: Video, Codecs: []Codec{{Name: "h264", ProfileLevelID: id}}} }
	g711 := Track{Kind: Audio, Codecs: []Codec{{Name: PCMU}, {Name: PCMA}}}
	fmtp := "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="
	for _, c := range []struct {
		name    string
		track   Track
		formats []string
		rtpmap  []string
		fmtp    []string
		fb      []string
	}{
		{"high", h264("640028"), []string{"96", "97"}, []string{"96 H264/90000", "97 H264/90000"},
			[]string{"96 " + fmtp + "640028", "97 " + fmtp + "42e01f"},
			[]string{"96 nack", "96 nack pli", "96 ccm fir", "96 goog-remb", "97 nack", "97 nack pli", "97 ccm fir", "97 goog-remb"}},
		{"baseline that is not constrained", h264("42001E"), []string{"96", "97"}, []string{"96 H264/90000", "97 H264/90000"},
			[]string{"96 " + fmtp + "42001e", "97 " + fmtp + "42e01f"}, nil},
		{"constrained baseline", h264("42e00d"), []string{"96"}, []string{"96 H264/90000"}, []string{"96 " + fmtp + "42e00d"}, nil},
		{"unknown", h264(""), []string{"96"}, []string{"96 H264/90000"}, []string{"96 " + fmtp + "42e01f"}, nil},
		{"H.265", Track{Kind: Video, Codecs: []Codec{{Name: H265, ProfileLevelID: "010078"}}}, []string{"98"}, []string{"98 H265/90000"},
			[]string{"98 level-id=120;profile-id=1;tier-flag=0;tx-mode=SRST"}, []string{"98 nack", "98 nack pli", "98 ccm fir", "98 goog-remb"}},
		{"G.722", Track{Kind: Audio, Codecs: []Codec{{Name: G722}}}, []string{"9"}, []string{"9 G722/8000"}, nil, []string{"9 nack"}},
		{"opus", opusTrack, []string{"111"}, []string{"111 opus/48000/2"}, []string{"111 minptime=10;useinbandfec=1"}, []string{"111 nack"}},
		{"G.711", g711, []string{"0", "8"}, []string{"0 PCMU/8000", "8 PCMA/8000"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d := offerOf(t, Config{}, c.track)
			m := withoutExtras(t, d.MediaDescriptions[0])
			if len(d.MediaDescriptions) != 1 || !slices.Equal(m.MediaName.Formats, c.formats) {
				t.Errorf("formats %v", m.MediaName.Formats)
			}
			if got := values(m, "rtpmap"); !slices.Equal(got, c.rtpmap) {
				t.Errorf("rtpmap %q", got)
			}
			if got := values(m, "fmtp"); !slices.Equal(got, c.fmtp) {
				t.Errorf("fmtp %q", got)
			}
			if got := values(m, "rtcp-fb"); c.fb != nil && !slices.Equal(got, c.fb) {
				t.Errorf("rtcp-fb %q", got)
			}
		})
	}
}

// loopbackName is the name of the loopback interface, which differs by system.
func loopbackName(t *testing.T) string {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			return i.Name
		}
	}
	t.Fatal("no loopback interface")
	return ""
}

func TestInterfacesAllowed(t *testing.T) {
	text, _ := offerOf(t, Config{Interfaces: []string{loopbackName(t)}, UDPPorts: [2]uint16{48000, 48400}}, videoTrack)
	cands := candidates(text)
	if len(cands) == 0 {
		t.Fatal("no candidates")
	}
	for _, c := range cands {
		if !strings.HasPrefix(c, "127.") && !strings.HasPrefix(c, "[::1]") || !strings.Contains(c, ":48") {
			t.Errorf("candidate %s", c)
		}
	}
	e := fails(t, Config{Endpoint: "http://127.0.0.1:1/w", Interfaces: []string{"no-such-interface"}})
	if e.Op != "ICE" || !strings.Contains(e.Hint(), "interfaces") {
		t.Errorf("error %q, hint %q", e.Error(), e.Hint())
	}
}

func TestPortRangeUsedUp(t *testing.T) {
	taken, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // a test's socket
	port := uint16(taken.LocalAddr().(*net.UDPAddr).Port)
	e := fails(t, Config{Endpoint: "http://127.0.0.1:1/w", UDPPorts: [2]uint16{port, port}})
	if e.Op != "ICE" || !strings.Contains(e.Error(), "no free UDP port") {
		t.Errorf("error %q", e.Error())
	}
}

// A STUN server that does not answer costs the gathering time and no more.
// deadSTUN is the URL of a STUN server that never answers.
func deadSTUN(t *testing.T) string {
	t.Helper()
	dead, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dead.Close() })
	return "stun:" + dead.LocalAddr().String()
}

func TestDeadSTUNServer(t *testing.T) {
	url, begin := deadSTUN(t), time.Now()
	text, _ := offerOf(t, Config{
		ICEServers: []ICEServer{{URL: url}},
		Timeouts:   Timeouts{Gather: 500 * time.Millisecond},
	}, videoTrack)
	if len(candidates(text)) == 0 {
		t.Error("no candidates")
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestSRTPProfiles(t *testing.T) {
	if p := srtpProfiles(true); p[0] != dtls.SRTP_AEAD_AES_128_GCM || len(p) != 2 {
		t.Errorf("with AES: %v", p)
	}
	if p := srtpProfiles(false); p[0] != dtls.SRTP_AES128_CM_HMAC_SHA1_80 || len(p) != 2 {
		t.Errorf("without AES: %v", p)
	}
}

func TestCandidates(t *testing.T) {
	const text = "a=candidate:1 1 udp 2130706431 192.0.2.1 7885 typ host\r\n" +
		"a=candidate:1 2 udp 2130706431 192.0.2.1 7885 typ host\r\n" +
		"a=candidate:2 1 TCP 1 2001:db8::1 7881 typ host tcptype passive\n" +
		"a=candidate:3 1 udp 1 192.0.2.9 40000 typ srflx raddr 10.0.0.1 rport 1\r\n" +
		"a=candidate:bad\r\na=other\r\n"
	want := []string{"192.0.2.1:7885 (host)", "[2001:db8::1]:7881 (tcp host)", "192.0.2.9:40000 (srflx)"}
	if got := candidates(text); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestBadProfiles(t *testing.T) {
	for _, c := range []Codec{
		{Name: H264, ProfileLevelID: "64"}, {Name: H265, ProfileLevelID: "0100"}, {Name: H265, ProfileLevelID: "01025d"},
		{Name: H265, ProfileLevelID: "ff005d"}, {Name: H265, ProfileLevelID: "01zz5d"},
	} {
		if _, err := planTracks([]Track{{Kind: Video, Codecs: []Codec{c}}}); err == nil {
			t.Errorf("%s with %q is planned", c.Name, c.ProfileLevelID)
		}
	}
	plan, err := planTracks([]Track{{Kind: Video, Codecs: []Codec{{Name: H265}}}})
	if err != nil || plan[0].codecs[0].fmtp != "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST" {
		t.Errorf("%+v, %v", plan, err)
	}
}
