package rawserver

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
)

func parse(text string) (*request, *frame, error) {
	return readMessage(bufio.NewReader(strings.NewReader(text)))
}

func TestReadMessage(t *testing.T) {
	r, _, err := parse("\r\n\nSETUP rtsp://u:p@h:554/a%20b/?x=1 RTSP/1.0\r\nCSEQ: 4\ncseq:5 \r\nContent-length: 2\r\n\r\nhi")
	if err != nil {
		t.Fatal(err)
	}
	if r.method != "SETUP" || r.header["Cseq"] != "5" || r.body != "hi" || r.place() != "/a%20b/?x=1" || r.path() != "/a b" || r.host() != "h:554" {
		t.Errorf("%+v: %q, %q, %q", r, r.place(), r.path(), r.host())
	}
	if _, f, err := parse("$\x03\x00\x02ab"); err != nil || f.channel != 3 || string(f.payload) != "ab" {
		t.Errorf("%+v, %v", f, err)
	}
	for _, bad := range []string{
		"", "x", "GET / HTTP/1.1\r\n\r\n", "PLAY rtsp://h\r\n\r\n", "PLAY  RTSP/1.0\r\n\r\n", "PLAY * RTSP/1.0\r\nno colon\r\n\r\n",
		"PLAY * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", "PLAY * RTSP/1.0\r\nContent-Length: 99999\r\n\r\n",
		"PLAY * RTSP/1.0\r\nContent-Length: 5\r\n\r\nabc", "$\x00", "$\x00\x00\x05abc",
		"PLAY * RTSP/1.0\r\n" + strings.Repeat("A: b\r\n", maxHeaders) + "\r\n", strings.Repeat("A", maxLine+1) + "\r\n",
	} {
		if r, f, err := parse(bad); err == nil {
			t.Errorf("%.40q: %+v, %+v", bad, r, f)
		}
	}
}

func TestPlaces(t *testing.T) {
	for url, want := range map[string][3]string{
		"rtsp://h/s/?a=b": {"/s/?a=b", "/s", "h"},
		"rtsp://h":        {"/", "", "h"},
		"rtsp://h?x":      {"?x", "", "h"},
		"*":               {"*", "*", ""},
		"rtsp://h/%zz":    {"/%zz", "/%zz", "h"},
	} {
		r := request{url: url}
		if got := [3]string{r.place(), r.path(), r.host()}; got != want {
			t.Errorf("%s: %q", url, got)
		}
	}
}

func TestParseTransport(t *testing.T) {
	for header, want := range map[string]string{
		"RTP/AVP/TCP;unicast;interleaved=2-3":                               "[{tcp:true channel:2 port:0 port2:0}]",
		"RTP/AVP;unicast;client_port=5000-5001, rtp/avp/tcp ;interleaved=0": "[{tcp:false channel:-1 port:5000 port2:5001} {tcp:true channel:0 port:0 port2:0}]",
		"RTP/AVP/UDP;unicast;client_port=5000":                              "[]",
		"RTP/AVP;multicast;port=1-2;client_port=3-4":                        "[]",
		"RTP/SAVP/TCP;interleaved=0-1":                                      "[]",
		"RTP/AVP/TCP;interleaved=255-256":                                   "[{tcp:true channel:-1 port:0 port2:0}]",
		"unicast;RTP/AVP/TCP":                                               "[]",
		"":                                                                  "[]",
	} {
		if got := fmt.Sprintf("%+v", transports(header)); got != want {
			t.Errorf("%s: %s", header, got)
		}
	}
}

// FuzzReadMessage reads foreign bytes to their end, as a connection would.
func FuzzReadMessage(f *testing.F) {
	f.Add("DESCRIBE rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest username=\"u\", uri=\"x\", a=b\r\n\r\n$\x00\x00\x01x")
	f.Add("SETUP rtsp://h/s/trackID=0?a RTSP/1.0\r\nTransport: RTP/AVP;client_port=1-2,RTP/AVP/TCP;interleaved=0-1\r\nContent-Length: 3\r\n\r\nabc\r\n")
	f.Add("\r\n$\xff\xff\xff")
	f.Fuzz(func(t *testing.T, text string) {
		br := bufio.NewReader(strings.NewReader(text))
		d := door{user: "u", password: "p", qop: true, uses: 1}
		for {
			r, fr, err := readMessage(br)
			if err != nil {
				return
			}
			if (r == nil) == (fr == nil) {
				t.Fatal("a message is a request or a frame")
			}
			if r == nil {
				continue
			}
			if r.method == "" || r.url == "" || len(r.header) > maxHeaders || len(r.body) > maxBody {
				t.Fatalf("%+v", r)
			}
			if d.admit(r) == "" {
				t.Fatal("let in without a password")
			}
			_, _, _ = r.place(), r.path(), r.host()
			for _, tr := range transports(r.header["Transport"]) {
				if tr.channel > 254 || !tr.tcp && tr.port == 0 {
					t.Fatalf("%+v", tr)
				}
			}
			if _, err := io.Discard.Write(reply(200, public).bytes(r)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
