package rtspsrc

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

const head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n"

func TestCleanSDPLeavesGoodOnesAlone(t *testing.T) {
	body := []byte(head + "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n\nm=audio 0 RTP/AVP 8\n")
	got, facts := cleanSDP(body)
	if !bytes.Equal(got, body) || len(facts.medias) != 2 || facts.dropped != nil {
		t.Errorf("%q %+v", got, facts)
	}
}

func TestCleanSDP(t *testing.T) {
	const video = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
	for name, tc := range map[string]struct{ in, want, dropped string }{
		"lines":          {in: "v=0\r\no=rubbish\r\ns=a\r\nt=x\r\nz=1\r\nhello\r\n" + video + "s=b\r\nc=IN\r\nc=zz\r\n", want: "v=0\r\ns=a\r\n" + video + "c=IN\r\n"},
		"bad track":      {in: head + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/8000\r\n" + video, want: head + video, dropped: "MPEG4-GENERIC"},
		"odd type":       {in: head + "m=foo 0 RTP/AVP 9\r\n" + video, want: head + video, dropped: ""},
		"sprop":          {in: head + video + "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=*,*\r\n", want: head + video + "a=fmtp:96 packetization-mode=1\r\n"},
		"mode":           {in: head + video + "a=fmtp:96 packetization-mode=x;a=b\r\n", want: head + video + "a=fmtp:96 a=b\r\n"},
		"payload type":   {in: head + "m=video 0 RTP/AVP 96 smart/1/x\r\na=rtpmap:96 H264/90000\r\n", want: head + video},
		"mid":            {in: head + video + "a=mid:a-b\r\n", want: head + video},
		"duplicate mids": {in: head + video + "a=mid:1\r\n" + video + "a=mid:1\r\n", want: head + video + video},
		"FEC group":      {in: head + "a=group:FEC 1 2\r\n" + video, want: head + video},
		"key-mgmt":       {in: head + "a=key-mgmt:rot13 x\r\n" + video, want: head + video},
		"crypto":         {in: head + video + "m=audio 0 RTP/AVP 8\r\na=crypto:x\r\n", want: head + video, dropped: ""},
		"BOM, NUL, CR":   {in: "\ufeff" + strings.ReplaceAll(head, "\r\n", "\r") + video + "b=x\x00\r", want: head + video},
	} {
		got, facts := cleanSDP([]byte(tc.in))
		if string(got) != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if accepted(got) == nil {
			t.Errorf("%s: not accepted", name)
		}
		if dropped := strings.Contains(tc.in, "m=audio") || name == "odd type"; dropped != (len(facts.dropped) == 1) {
			t.Errorf("%s: dropped %+v", name, facts.dropped)
		} else if dropped && (facts.dropped[0].Codec != tc.dropped || facts.dropped[0].Reason == "") {
			t.Errorf("%s: dropped %+v", name, facts.dropped)
		}
	}
}

func TestParameterSets(t *testing.T) {
	sps, pps := MakeSPS(1280, 720), MakePPS()
	enc := func(b ...[]byte) string { return base64.StdEncoding.EncodeToString(bytes.Join(b, nil)) }
	start := []byte{0, 0, 0, 1}
	for name, tc := range map[string]struct {
		fmtp string
		want [][]byte
	}{
		"plain":            {"a=fmtp:96 sprop-parameter-sets=" + enc(sps) + "," + enc(pps), [][]byte{sps, pps}},
		"case, spaces":     {"a=fmtp:96 x=1; Sprop-Parameter-Sets=" + enc(sps) + ", " + enc(pps) + ";", [][]byte{sps, pps}},
		"no padding":       {"a=fmtp:96 sprop-parameter-sets=" + strings.TrimRight(enc(sps), "=") + "," + strings.TrimRight(enc(pps), "="), [][]byte{sps, pps}},
		"Annex B":          {"a=fmtp:96 sprop-parameter-sets=" + enc(start, sps) + "," + enc(start, pps), [][]byte{sps, pps}},
		"both in one":      {"a=fmtp:96 sprop-parameter-sets=" + enc(start, sps, start, pps), [][]byte{sps, pps}},
		"trailing code":    {"a=fmtp:96 sprop-parameter-sets=" + enc(sps, start) + "," + enc(pps, start), [][]byte{sps, pps}},
		"bad base64":       {"a=fmtp:96 sprop-parameter-sets=*," + enc(pps), nil},
		"not an SPS":       {"a=fmtp:96 sprop-parameter-sets=" + enc([]byte{0x67}) + "," + enc(pps), nil},
		"on another track": {"a=fmtp:97 sprop-parameter-sets=" + enc(sps) + "," + enc(pps), [][]byte{sps, pps}},
		"none":             {"a=fmtp:96 packetization-mode=1", nil},
	} {
		body := []byte(head + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" + tc.fmtp + "\r\n")
		res := &base.Response{Header: base.Header{}, Body: body}
		tracks, _ := chooseFrom(t, res)
		if !reflect.DeepEqual(tracks[0].ParameterSets, tc.want) {
			t.Errorf("%s: %x, want %x", name, tracks[0].ParameterSets, tc.want)
		}
	}
}

// chooseFrom does what Open does with an answer to DESCRIBE.
func chooseFrom(t *testing.T, res *base.Response) ([]Track, error) {
	t.Helper()
	request, err := base.ParseURL("rtsp://10.0.0.1/x")
	if err != nil {
		t.Fatal(err)
	}
	facts := cleanDescribe(res, request)
	sd := accepted(res.Body)
	if sd == nil {
		t.Fatalf("not accepted: %q", res.Body)
	}
	if ct := res.Header["Content-Type"]; len(ct) != 1 || ct[0] != "application/sdp" {
		t.Errorf("Content-Type %q", ct)
	}
	if cb := res.Header["Content-Base"]; cb != nil && !strings.HasPrefix(cb[0], "/") {
		if _, err := base.ParseURL(cb[0]); err != nil || len(cb) != 1 {
			t.Errorf("Content-Base %q", cb)
		}
	}
	var desc description.Session
	if err := desc.Unmarshal2(sd); err != nil {
		t.Fatal(err)
	}
	tracks, _, err := choose(&desc, facts, "", H264)
	return tracks, err
}

// TestRecordedDescriptions runs over answers recorded from cameras, where they are
// at hand, and over one written after them, always.
func TestRecordedDescriptions(t *testing.T) {
	want := map[string]string{ // codecs, in order
		"anjvision_describe.txt": "H265 only", "anpviz_sdp.txt": "H264 704x576 MPEG4-GENERIC", "bunny_describe.txt": "H264 240x160 MPEG4-GENERIC",
		"dahua_describe_h264_aac_onvif.txt": "H264 704x480 MPEG4-GENERIC", "foscam_describe.txt": "H264 1280x720 PCMU",
		"gw_main_describe.txt": "H264 1920x1080 PCMU", "h264dvr_describe.txt": "H264 1920x1080 PCMA",
		"hikvision_describe.txt": "H264 1920x1080", "reolink_describe.txt": "H264 2560x1440 MPEG4-GENERIC", "tplink_sdp.txt": "H265 only",
	}
	answers := map[string][]byte{"own": []byte("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Base: 10.0.0.1:554/x/\r\nContent-Length: 174\r\n\r\n" +
		"v=0\r\no=- 1 1 IN IP4 x.y.z.w\r\ns=a\r\ns=b\r\nm=application/CAM 0 RTP/AVP smart/1/9\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000 \r\n" +
		"m=audio 0 RTP/AVP 0\r\na=rtpmap:0 MPEG4-GENERIC/16000/2\r\n")}
	wantOwn := "H264 MPEG4-GENERIC"
	paths, err := filepath.Glob("../../../shared/corpora/rtsp/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		answers[filepath.Base(p)] = b
	}
	for name, b := range answers {
		if strings.Contains(name, "describe") || strings.Contains(name, "_sdp") || name == "own" {
			got := summary(t, name, b)
			expected, ok := want[name]
			if name == "own" {
				expected, ok = wantOwn, true
			}
			if ok && got != expected {
				t.Errorf("%s: %s, want %s", name, got, expected)
			}
			continue
		}
		recordedHeaders(t, name, b)
	}
}

// summary reads an answer to DESCRIBE, or a bare description.
func summary(t *testing.T, name string, b []byte) string {
	res := &base.Response{Header: base.Header{}, Body: b}
	if bytes.HasPrefix(b, []byte("RTSP/")) {
		res = &base.Response{}
		if err := res.Unmarshal(bufio.NewReader(bytes.NewReader(crlf(b)))); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, body, ok := bytes.Cut(crlf(b), []byte("\r\n\r\n")); ok {
			res.Body = body
		}
	}
	tracks, err := chooseFrom(t, res)
	if err != nil {
		return strings.TrimPrefix(err.Error(), "the video is not H.264 but ") + " only"
	}
	var out []string
	for _, tr := range tracks {
		out = append(out, tr.Codec)
		if len(tr.ParameterSets) > 0 {
			out = append(out, sizeOf(t, tr.ParameterSets[0]))
		}
	}
	return strings.Join(out, " ")
}

// recordedHeaders checks that answers to SETUP and PLAY can be read.
func recordedHeaders(t *testing.T, name string, b []byte) {
	var res base.Response
	if err := res.Unmarshal(bufio.NewReader(bytes.NewReader(crlf(b)))); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	cleanSession(res.Header)
	cleanTransport(res.Header, true)
	if v, ok := res.Header["Session"]; ok {
		var s headers.Session
		if err := s.Unmarshal(v); err != nil || s.Session == "" {
			t.Errorf("%s: session %q: %v", name, v, err)
		}
	}
	if v, ok := res.Header["Transport"]; ok {
		var tr headers.Transport
		if err := tr.Unmarshal(v); err != nil {
			t.Errorf("%s: transport %q: %v", name, v, err)
		}
	}
}

func crlf(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

func TestCleanSession(t *testing.T) {
	for in, want := range map[string]string{
		"abc": "abc", "abc;timeout=60": "abc;timeout=35", "abc; Timeout = \"20\"": "abc;timeout=15", "abc;timeout=0": "abc",
		"abc;timeout=x;y": "abc", "abc;timeout=4000000000000": "abc", "abc;timeout=86400": "abc;timeout=65", "": "",
	} {
		h := base.Header{"Session": {in}}
		cleanSession(h)
		if got := strings.Join(h["Session"], "|"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanDescribe(f *testing.F) {
	f.Add([]byte(head+"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=Z0LAHt,aM\r\n"), "rtsp://rtsp://h/x/", "RTP/AVP;interleaved=0", "1;timeout=x")
	f.Add([]byte("v=0\r\nr=1\r\nt=0 0\r\nr=7d 1 0\r\nz=1 2 3\r\na=control:../x\r\nm=audio 0 RTP/AVP smart/1/90\r\nc=IN\r\n"), "10.0.0.1/x", "x", ";")
	f.Add([]byte("m=application/x 0 RTP/AVP 1\r\na=mid:-\r\na=key-mgmt:mikey x\r\na=crypto:1 x\r\n"), "/", "RTP/AVP/TCP;mode=", "")
	f.Fuzz(func(t *testing.T, body []byte, contentBase, transport, session string) {
		request, err := base.ParseURL("rtsp://10.0.0.1/x")
		if err != nil {
			t.Fatal(err)
		}
		res := &base.Response{Header: base.Header{"Content-Base": {contentBase}, "Transport": {transport}, "Session": {session}}, Body: body}
		before := accepted(body) != nil
		facts := cleanDescribe(res, request)
		cleanSession(res.Header)
		cleanTransport(res.Header, true)
		cleanChallenges(base.HeaderValue{contentBase})
		sd := accepted(res.Body)
		if before && sd == nil {
			t.Fatalf("%q was accepted, %q is not", body, res.Body)
		}
		if sd == nil {
			return
		}
		var desc description.Session
		if desc.Unmarshal2(sd) == nil {
			_, _, _ = choose(&desc, facts, "", H264)
		}
		if v, ok := res.Header["Session"]; ok {
			var s headers.Session
			if err := s.Unmarshal(v); err != nil {
				t.Fatalf("session %q became %q: %v", session, v, err)
			}
		}
	})
}
