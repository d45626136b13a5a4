package rtspsrc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/rtspsrc"
)

func setupAnswer(headers string) []string {
	return []string{"RTSP/1.0 200 OK\r\nCSeq: %CSEQ%\r\n" + headers + "\r\n"}
}

func status(line string, headers ...string) []string {
	return []string{"RTSP/1.0 " + line + "\r\nCSeq: %CSEQ%\r\n" + strings.Join(headers, "") + "\r\n"}
}

const tcpTransport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"

// TestQuirks plays what real cameras answer; each must bring packets.
func TestQuirks(t *testing.T) {
	describe := func(headers, sdp string) map[string][]string {
		return map[string][]string{"DESCRIBE": {describeAnswer(headers, sdp)}}
	}
	base := func(v string) map[string][]string {
		return describe("Content-Base: "+v+"\r\n", usualSDP())
	}
	setup := func(headers string) map[string][]string {
		return map[string][]string{"SETUP": setupAnswer(headers)}
	}
	for name, answers := range map[string]map[string][]string{
		"none":                        nil,
		"Content-Base absent":         describe("", usualSDP()),
		"Content-Base doubled scheme": base("rtsp://rtsp://%HOST%/live/ch0/"),
		"Content-Base no scheme":      base("%HOST%/live/ch0/"),
		"Content-Base path":           base("/live/ch0/"),
		"Content-Base bare IPv6":      base("rtsp://fe80::1/live/ch0/"),
		"Content-Base empty":          base(""),
		"Content-Base garbage":        base("%zz ://"),
		"Content-Base twice":          describe("Content-Base: rtsp://%HOST%/live/ch0/\r\nContent-Base: rtsp://%HOST%/live/ch0/\r\n", usualSDP()),
		"Content-Base fragment":       base("rtsp://%HOST%/live/ch0#1"),
		"no Content-Type":             {"DESCRIBE": {strings.Replace(describeAnswer("", usualSDP()), "Content-Type: application/sdp\r\n", "", 1)}},
		"odd Content-Type":            {"DESCRIBE": {strings.Replace(describeAnswer("", usualSDP()), "application/sdp", "text/plain; charset=utf-8", 1)}},
		"session control relative":    describe("Content-Base: rtsp://%HOST%/live/\r\n", strings.Replace(usualSDP(), "t=0 0\r\n", "t=0 0\r\na=control:ch0/\r\n", 1)),
		"session control garbage":     describe("", strings.Replace(usualSDP(), "t=0 0\r\n", "t=0 0\r\na=control:%zz\r\n", 1)),
		"control a fragment":          describe("", strings.Replace(usualSDP(), "a=control:track1", "a=control:#1", 1)+"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track2\r\na=fmtp:96 sprop-parameter-sets="+sprop(1920, 1088)+"\r\n"),
		"second s= line":              describe("", strings.Replace(usualSDP(), "a=control", "s=Again\r\na=control", 1)),
		"bad c= line":                 describe("", strings.Replace(usualSDP(), "a=control", "c=IN\tIP9 x y\r\na=control", 1)),
		"bad o= and t= lines":         describe("", strings.Replace(strings.Replace(usualSDP(), "o=- 1 1 IN IP4 127.0.0.1", "o=camera", 1), "t=0 0", "t=now", 1)),
		"line without =":              describe("", strings.Replace(usualSDP(), "a=control", "hello\r\na=control", 1)),
		"odd media type":              describe("", usualSDP()+"m=vnd.camera.meta 0 RTP/AVP 107\r\na=rtpmap:107 X/90000\r\n"),
		"odd media protocol":          describe("", usualSDP()+"m=audio 0 RTP/XYZ 8\r\n"),
		"upper case media":            describe("", strings.Replace(usualSDP(), "m=video", "m=VIDEO", 1)),
		"bad base64 in sprop":         describe("", strings.Replace(usualSDP(), sprop(1280, 720), "Z0LAHt*,aM#", 1)),
		"no rtpmap":                   describe("", strings.Replace(usualSDP(), "a=rtpmap:96 H264/90000\r\n", "", 1)),
		"another track is broken":     describe("", usualSDP()+"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 config=zz\r\n"),
		"mids partially":              describe("", usualSDP()+"a=mid:x\r\nm=audio 0 RTP/AVP 8\r\n"),
		"packetization-mode 0":        describe("", strings.Replace(usualSDP(), "packetization-mode=1", "packetization-mode=0", 1)),
		"all sendonly":                describe("", usualSDP()+"a=sendonly\r\n"),
		"OPTIONS unknown":             {"OPTIONS": status("501 Not Implemented")},
		"Cseq":                        {"DESCRIBE": {strings.Replace(describeAnswer("", usualSDP()), "CSeq", "Cseq", 1)}},
		"no CSeq":                     {"SETUP": {strings.Replace(usual["SETUP"], "CSeq: %CSEQ%\r\n", "", 1)}},
		"no reason phrase":            {"SETUP": {strings.Replace(usual["SETUP"], "200 OK", "200 ", 1)}},
		"transport says UDP":          setup("Session: 1\r\nTransport: RTP/AVP;unicast;interleaved=0-1\r\n"),
		"transport ssrc first":        setup("Session: 1\r\nTransport: ssrc=1234;RTP/AVP/TCP;interleaved=0-1\r\n"),
		"transport spaces":            setup("Session: 1\r\nTransport: RTP/AVP/TCP; unicast; interleaved=0 - 1; ssrc= d6d6627\r\n"),
		"transport one channel":       setup("Session: 1\r\nTransport: rtp/avp/tcp;unicast;interleaved=0\r\n"),
		"transport odd channels":      setup("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-0\r\n"),
		"transport junk":              setup("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=\"PLAY\";ttl=x;client_port=a-b;server_port=;port\r\n"),
		"transport twice":             setup("Session: 1\r\n" + tcpTransport + tcpTransport),
		"session absent":              setup(tcpTransport),
		"session timeout 0":           setup("Session: 1;timeout=0\r\n" + tcpTransport),
		"session timeout garbage":     setup("Session:     abc ; timeout=soon\r\n" + tcpTransport),
		"session twice":               setup("Session: 1\r\nSession: 1;timeout=30\r\n" + tcpTransport),
		"session empty":               setup("Session: \r\n" + tcpTransport),
	} {
		t.Run(name, func(t *testing.T) {
			cam := startScript(t, &script{answers: answers})
			var got sink
			src := newSource(t, rtspsrc.Config{URL: cam.URL(), RequestTimeout: 30 * time.Second})
			rtspsrc.SetTeardownWait(src, time.Hour)
			sess := play(t, src, &got)
			waitFor(t, "packets", func() bool { return got.count("H264") > 12 })
			if st := sess.Stats(); st.PacketsUnusable == 0 {
				t.Errorf("stats: %+v", st)
			}
			closeWithin(t, sess, 30*time.Second) // TEARDOWN is answered
			if cam.seen("TEARDOWN") != 1 {
				t.Error("no TEARDOWN")
			}
		})
	}
}

func TestEveryByteByItself(t *testing.T) {
	cam := startScript(t, &script{bytewise: true})
	var got sink
	play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 12 })
}

func TestCloseIsBounded(t *testing.T) {
	for name, cam := range map[string]*script{
		"deaf":               {deaf: true},
		"TEARDOWN no answer": {answers: map[string][]string{"TEARDOWN": {"\r\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			startScript(t, cam)
			var got sink
			sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
			closeWithin(t, sess, 30*time.Second)
		})
	}
}

func TestStaleNonce(t *testing.T) {
	challenge := func(nonce string) string {
		return "WWW-Authenticate: digest realm=\"cam\", nonce=\"" + nonce + "\", stale=\"TRUE\"\r\n"
	}
	cam := startScript(t, &script{answers: map[string][]string{
		"OPTIONS": append(status("401 Unauthorized", strings.Replace(challenge("first"), "TRUE", "FALSE", 1)), usual["OPTIONS"]),
		"SETUP":   append(status("401 Unauthorized", challenge("second")), usual["SETUP"]),
		"PLAY":    append(status("401 Unauthorized", challenge("third")), usual["PLAY"]),
	}})
	var got sink
	play(t, newSource(t, rtspsrc.Config{URL: cam.URL(), Username: "u", Password: "p"}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 12 })
	for method, nonce := range map[string]string{"DESCRIBE": "first", "SETUP": "second", "PLAY": "third"} {
		if !strings.Contains(cam.last(method), `nonce="`+nonce+`"`) {
			t.Errorf("%s", cam.last(method))
		}
	}
}

func TestControlReadTheOtherWay(t *testing.T) {
	cam := startScript(t, &script{answers: map[string][]string{
		"DESCRIBE": {describeAnswer("Content-Base: rtsp://%HOST%/live/ch0\r\n", strings.Replace(usualSDP(), "track1", "/tracks/1", 1))},
		"SETUP":    append(status("404 Not Found"), usual["SETUP"]),
	}})
	var got sink
	play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	if want := "SETUP rtsp://" + cam.host + "/tracks/1 "; !strings.HasPrefix(cam.last("SETUP"), want) {
		t.Errorf("%q, want %q", cam.last("SETUP"), want)
	}
}

func TestRedirects(t *testing.T) {
	to := func(url string) map[string][]string {
		return map[string][]string{"DESCRIBE": status("302 Moved", "Location: "+url+"\r\n")}
	}
	t.Run("followed", func(t *testing.T) {
		end := startScript(t, &script{})
		cam := startScript(t, &script{answers: to(end.URL())})
		var got sink
		play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
		waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	})
	t.Run("loop", func(t *testing.T) {
		cam := startScript(t, &script{answers: to("/again")})
		e := refused(t, rtspsrc.Config{URL: cam.URL()})
		if n := cam.seen("DESCRIBE"); n < 2 || n > 10 || e.Status != 302 || !strings.Contains(e.Error(), "redirects") {
			t.Errorf("%d requests, %v", n, e)
		}
	})
	t.Run("nowhere", func(t *testing.T) {
		cam := startScript(t, &script{answers: to("http://127.0.0.1/")})
		if e := refused(t, rtspsrc.Config{URL: cam.URL()}); e.Status != 302 || e.Hint() == "" {
			t.Errorf("%v", e)
		}
	})
	t.Run("no password in the clear elsewhere", func(t *testing.T) {
		end := startScript(t, &script{answers: map[string][]string{"OPTIONS": status("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n")}})
		cam := startScript(t, &script{answers: to(strings.Replace(end.URL(), "127.0.0.1", "localhost", 1))})
		e := refused(t, rtspsrc.Config{URL: cam.URL(), Username: "u", Password: "p"})
		if e.Status != 401 || strings.Contains(end.last("OPTIONS"), "Authorization") {
			t.Errorf("%v\n%s", e, end.last("OPTIONS"))
		}
	})
}

func TestVideoTrack(t *testing.T) {
	section := func(pt int, title, control, codec string, w, h int) string {
		return fmt.Sprintf("m=video 0 RTP/AVP %d\r\ni=%s\r\na=rtpmap:%d %s/90000\r\na=fmtp:%d sprop-parameter-sets=%s\r\na=control:%s\r\n",
			pt, title, pt, codec, pt, sprop(w, h), control)
	}
	sdp := sdpHead + section(96, "Thermal", "trackID=0", "H264", 320, 240) + section(97, "Main", "trackID=5", "H264", 1920, 1088) +
		section(98, "Best", "trackID=6", "H265", 3840, 2160) + "m=audio 0 RTP/AVP 8\r\na=sendonly\r\n" +
		"m=audio 0 RTP/AVP 0\r\na=recvonly\r\n" + "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"
	cam := startScript(t, &script{answers: map[string][]string{"DESCRIBE": {describeAnswer("", sdp)}}})
	for want, pt := range map[string]uint8{"": 97, "0": 96, "1": 97, "therm": 96, "TRACKID=5": 97} {
		sess, err := newSource(t, rtspsrc.Config{URL: cam.URL(), VideoTrack: want}).Open(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		tracks := sess.Tracks()
		if tracks[0].PayloadType != pt || len(tracks) != 2 || tracks[1].Codec != "PCMU" {
			t.Errorf("video_track %q: %+v", want, tracks)
		}
		if ignored := sess.Ignored(); len(ignored) != 4 {
			t.Errorf("ignored: %+v", ignored)
		}
		sess.Close()
	}
	for want, is := range map[string]error{"2": rtspsrc.ErrCodec, "3": rtspsrc.ErrNoVideo, "-1": rtspsrc.ErrNoVideo, "door": rtspsrc.ErrNoVideo} {
		if e := refused(t, rtspsrc.Config{URL: cam.URL(), VideoTrack: want}); !errors.Is(e, is) || !e.Slow() {
			t.Errorf("video_track %q: %v", want, e)
		}
	}
}

func TestVideoCodec(t *testing.T) {
	sets := "sprop-vps=QAEMAf//AWAAAAMAsAAAAwAAAwB4rAk=; sprop-sps=QgEBAWAAAAMAsAAAAwAAAwB4oAPAgBDlja5JMvTcBAQEAg==; sprop-pps=RAHBcrRiQA=="
	sdp := sdpHead + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n" +
		"m=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\na=fmtp:97 " + sets + "\r\na=control:trackID=1\r\n"
	cam := startScript(t, &script{answers: map[string][]string{"DESCRIBE": {describeAnswer("", sdp)}}})
	sess, err := newSource(t, rtspsrc.Config{URL: cam.URL(), VideoCodec: rtspsrc.H265}).Open(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	tr := sess.Tracks()[0]
	if tr.Codec != "H265" || tr.ClockRate != 90000 || len(tr.ParameterSets) != 3 {
		t.Errorf("%+v", tr)
	}
	e := refused(t, rtspsrc.Config{URL: cam.URL(), VideoCodec: rtspsrc.H265, VideoTrack: "0"})
	if !errors.Is(e, rtspsrc.ErrCodec) || !e.Slow() || !strings.Contains(e.Error(), "not H.265 but H264") || !strings.Contains(e.Hint(), "to H.265") {
		t.Errorf("%v (%s)", e, e.Hint())
	}
	if _, err := rtspsrc.New(rtspsrc.Config{URL: cam.URL(), VideoCodec: "AV1"}); err == nil {
		t.Error("AV1 is taken")
	}
}

func TestMulticastIsAskedFor(t *testing.T) {
	cam := startScript(t, &script{})
	e := refused(t, rtspsrc.Config{URL: cam.URL(), Transport: rtspsrc.Multicast})
	if e.Op != "setup" || !strings.Contains(cam.last("SETUP"), "Transport: RTP/AVP;multicast") {
		t.Errorf("%v\n%s", e, cam.last("SETUP"))
	}
}

func TestBackChannelIsNotRequested(t *testing.T) {
	cam := startScript(t, &script{})
	var got sink
	sess := play(t, newSource(t, rtspsrc.Config{URL: cam.URL()}), &got)
	waitFor(t, "packets", func() bool { return got.count("H264") > 2 })
	sess.Close()
	cam.mu.Lock()
	defer cam.mu.Unlock()
	for _, r := range cam.requests {
		if strings.Contains(r, "Require:") || !strings.Contains(r, "User-Agent: rtsp2whip\r\n") {
			t.Errorf("%s", r)
		}
	}
}
