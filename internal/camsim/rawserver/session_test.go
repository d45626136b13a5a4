package rawserver

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestSession(t *testing.T) {
	s := serve(t, Faults{}, withAudio(t, "pcma"))
	c := dial(t, s.Addr().String())
	c.want(455, "PLAY", c.url)
	a := c.setup()
	if got := a.header.Get("Transport"); got != "RTP/AVP/TCP;unicast;interleaved=0-1" {
		t.Error(got)
	}
	c.want(200, "SETUP", c.url+"/trackID=1", "Transport: RTP/AVP/TCP;unicast;interleaved=4-5")
	c.want(405, "PAUSE", c.url)
	c.want(200, "PLAY", c.url)
	seen := map[byte]bool{}
	for len(seen) < 4 { // video, audio, and a sender report of each
		seen[c.frame().channel] = true
	}
	if !seen[0] || !seen[1] || !seen[4] || !seen[5] {
		t.Errorf("channels %v", seen)
	}
	c.want(200, "GET_PARAMETER", c.url)
	good := c.sess
	c.sess = "1234"
	c.want(454, "GET_PARAMETER", c.url)
	c.sess = good
	c.want(200, "TEARDOWN", c.url)
	c.want(454, "GET_PARAMETER", c.url)
	if n := s.Stats(); n.Counts.Teardowns != 1 || n.Counts.KeepAlives != 1 || n.Sessions != 0 || n.AccessUnits == 0 {
		t.Errorf("%+v", n)
	}
}

func TestSetupFaults(t *testing.T) {
	opus := withAudio(t, "opus")
	c := dial(t, serve(t, Faults{FirstChannel: 11, PlainAVP: true, ZeroRTPInfo: true}, opus).Addr().String())
	if got := c.setup().header.Get("Transport"); got != "RTP/AVP;unicast;interleaved=11-12" {
		t.Error(got)
	}
	a := c.want(200, "SETUP", c.url+"/trackID=1", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3")
	if got := a.header.Get("Transport"); got != "RTP/AVP;unicast;interleaved=13-14" {
		t.Error(got)
	}
	if got := c.want(200, "PLAY", c.url).header.Get("RTP-Info"); !strings.HasSuffix(got, ";seq=0;rtptime=0") {
		t.Error(got)
	}
	if f := c.frame(); f.channel < 11 || f.channel > 14 {
		t.Errorf("channel %d", f.channel)
	}

	c = dial(t, serve(t, Faults{NewSessionID: true}, opus).Addr().String())
	c.setup()
	first := c.sess
	a = c.want(200, "SETUP", c.url+"/trackID=1", "Transport: RTP/AVP/TCP;unicast;interleaved=2-3")
	c.want(454, "PLAY", c.url)
	if c.sess = a.header.Get("Session"); c.sess == first {
		t.Error("the id has stayed the same")
	}
	c.want(200, "PLAY", c.url)
}

func TestTransports(t *testing.T) {
	udp := "Transport: RTP/AVP;unicast;client_port=40000-40001"
	c := dial(t, serve(t, Faults{}, func(c *Config) { c.NoTCP = true }).Addr().String())
	c.want(461, "SETUP", c.url+"/trackID=0", interleaved)
	c.want(461, "SETUP", c.url+"/trackID=0", "Transport: RTP/AVP;multicast;port=1-2")
	c.want(200, "SETUP", c.url+"/trackID=0", udp)
	c = dial(t, serve(t, Faults{}, func(c *Config) { c.NoUDP = true }).Addr().String())
	c.want(461, "SETUP", c.url+"/trackID=0", udp)
	a := c.want(200, "SETUP", c.url+"/trackID=0", udp+",RTP/AVP/TCP;unicast")
	if got := a.header.Get("Transport"); got != "RTP/AVP/TCP;unicast;interleaved=0-1" {
		t.Error(got)
	}
}

func TestOneSession(t *testing.T) {
	s := serve(t, Faults{OneSession: true})
	first := dial(t, s.Addr().String())
	first.play()
	wait(t, "the first session plays", func() bool { return s.Stats().Sessions == 1 })
	second := dial(t, s.Addr().String())
	second.want(453, "SETUP", second.url+"/trackID=0", interleaved)
	_ = first.nc.Close()
	wait(t, "the first session is over", func() bool { return s.Stats().Sessions == 0 })
	second.play()
	if n := s.Stats().Counts; n.Refused != 1 || n.Sessions != 2 || n.Teardowns != 0 {
		t.Errorf("%+v", n)
	}
}

// gone waits for the end of the connection.
func (c *client) gone() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.br); err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			c.t.Fatal("the session has not timed out")
		}
	}
}

// TestTimeout lets sessions end that give no sign of life of the right kind.
func TestTimeout(t *testing.T) {
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}})
	if err != nil {
		t.Fatal(err)
	}
	give := map[string]func(c *client){
		"nothing":       func(*client) {},
		"OPTIONS":       func(c *client) { c.send("OPTIONS", c.url) },
		"GET_PARAMETER": func(c *client) { c.send("GET_PARAMETER", c.url) },
		"report":        func(c *client) { _, _ = c.nc.Write(interleave(1, report)) },
	}
	const timeout = 1500 * time.Millisecond
	for _, test := range []struct {
		by   Alive
		sign string
		live bool
	}{
		{AliveByAny, "nothing", false}, {AliveByAny, "OPTIONS", true}, {AliveByAny, "report", true},
		{AliveByRequest, "report", false}, {AliveByRequest, "OPTIONS", true},
		{AliveByGetParameter, "OPTIONS", false}, {AliveByGetParameter, "GET_PARAMETER", true},
		{AliveByReport, "GET_PARAMETER", false}, {AliveByReport, "report", true},
	} {
		t.Run(test.sign, func(t *testing.T) {
			t.Parallel()
			s := serve(t, Faults{Timeout: timeout, AliveBy: test.by, MuteKeepAlive: true})
			c := dial(t, s.Addr().String())
			if a := c.setup(); !strings.HasSuffix(a.header.Get("Session"), ";timeout=1") {
				t.Error(a.header)
			}
			c.want(200, "PLAY", c.url)
			began := time.Now()
			for s.Stats().Counts.TimedOut == 0 && time.Since(began) < 2*timeout {
				give[test.sign](c)
				if _, err := readFrame(c.br); err != nil { // one comes in 40 ms
					break
				}
			}
			if test.live {
				if n := s.Stats().Counts.TimedOut; n != 0 {
					t.Errorf("alive by %v: timed out", test.by)
				}
				return
			}
			wait(t, "the session's end", func() bool { return s.Stats().Counts.TimedOut == 1 })
			c.gone()
		})
	}
}

func TestKeepAlives(t *testing.T) {
	c := dial(t, serve(t, Faults{KeepAliveStatus: 405}).Addr().String())
	c.play()
	c.want(405, "OPTIONS", c.url)
	c.want(405, "SET_PARAMETER", c.url)

	s := serve(t, Faults{MuteKeepAlive: true})
	c = dial(t, s.Addr().String())
	c.want(200, "OPTIONS", c.url) // no session plays yet
	c.play()
	c.send("GET_PARAMETER", c.url)
	wait(t, "a keep-alive", func() bool { return s.Stats().Counts.KeepAlives == 1 })
	c.want(200, "TEARDOWN", c.url) // is the next answer
}

func TestZombie(t *testing.T) {
	s := serve(t, Faults{Zombie: true})
	c := dial(t, s.Addr().String())
	c.play()
	for range 5 {
		if c.send("GET_PARAMETER", c.url); c.br.Buffered() > 0 {
			t.Fatal("there is media")
		}
		if b, err := c.br.Peek(1); err != nil || b[0] != 'R' {
			t.Fatalf("%q, %v", b, err)
		}
		c.receive()
	}
	if n := s.Stats(); n.AccessUnits != 0 || n.Sessions != 1 {
		t.Errorf("%+v", n)
	}
}

// TestOldMedia haunts connections after the start, and after a session that ended
// without TEARDOWN.
func TestOldMedia(t *testing.T) {
	s := serve(t, Faults{OldMedia: 2 * time.Second})
	c := dial(t, s.Addr().String())
	c.want(200, "OPTIONS", c.url)
	if f := c.frame(); f.channel != 0 {
		t.Errorf("channel %d", f.channel)
	}
	wait(t, "the end of it", func() bool { _, yes := s.haunted(); return !yes })
	quiet := func() bool {
		c := dial(t, s.Addr().String())
		c.want(200, "OPTIONS", c.url)
		c.send("DESCRIBE", c.url)
		b, err := c.br.Peek(1)
		return err == nil && b[0] == 'R'
	}
	if !quiet() {
		t.Error("old media for too long")
	}
	c = dial(t, s.Addr().String())
	c.play()
	c.want(200, "TEARDOWN", c.url)
	if _, yes := s.haunted(); yes || !quiet() {
		t.Error("old media after a TEARDOWN")
	}
	c = dial(t, s.Addr().String())
	c.play()
	_ = c.nc.Close()
	wait(t, "old media after a session without TEARDOWN", func() bool { _, yes := s.haunted(); return yes })
}

func TestKeyFrames(t *testing.T) {
	s := serve(t, Faults{RenewStream: true}, func(c *Config) { c.HonourPLI = true; c.Script.Film = film(t, "360p-longgop") })
	c := dial(t, s.Addr().String())
	c.play()
	keys := func() uint64 { return s.Stats().KeyFrames }
	wait(t, "the first key frame", func() bool { return keys() == 1 })
	pli, err := rtcp.Marshal([]rtcp.Packet{&rtcp.PictureLossIndication{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.nc.Write(interleave(1, pli)); err != nil {
		t.Fatal(err)
	}
	wait(t, "one for a PLI", func() bool { return keys() == 2 })
	if _, err := io.WriteString(c.nc, "SET_PARAMETER "+c.url+" RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 19\r\n\r\nRenew-Stream: yes\r\n"); err != nil {
		t.Fatal(err)
	}
	wait(t, "one for Renew-Stream", func() bool { return keys() == 3 })
	s.KeyFrame()
	wait(t, "one by hand", func() bool { return keys() == 4 })
	if n := s.Stats().Counts.KeyFrameRequests; n != 2 {
		t.Errorf("%d requests", n)
	}
}
