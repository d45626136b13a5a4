package rawserver

import (
	"strings"
	"testing"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

func TestDescription(t *testing.T) {
	opus := withAudio(t, "opus")
	for name, test := range map[string]struct {
		faults Faults
		has    []string
		lacks  string
	}{
		"none": {Faults{}, []string{
			"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; profile-level-id=42C01E; sprop-parameter-sets=Z0",
			"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2", "a=control:trackID=1\r\n",
		}, "sendonly"},
		"no sprop":   {Faults{NoSprop: true}, nil, "sprop-p"},
		"bad sprop":  {Faults{BadSprop: true}, []string{"sprop-parameter-sets=Z00A!!"}, "Z0LAH"},
		"profile":    {Faults{ProfileLevelID: "640033"}, []string{"profile-level-id=640033"}, "42C01E"},
		"mode 0":     {Faults{ModeZero: true}, []string{"packetization-mode=0"}, "mode=1"},
		"name":       {Faults{DoubleName: true}, []string{"\r\ns=Camera\r\ns=RTSP Session\r\n"}, ""},
		"connection": {Faults{BadConnection: true}, []string{"\r\nc=IN c=IN "}, "\r\nc=IN IP4"},
		"media":      {Faults{OddMedia: true}, []string{"m=application/VENDOR 0 RTP/AVP smart/1/90000"}, ""},
		"absolute":   {Faults{Control: ControlAbsolute}, []string{"a=control:rtsp://127.0.0.1:", "/media/trackID=1?profile=1"}, ""},
		"slash":      {Faults{Control: ControlSlash}, []string{"a=control:/trackID=0"}, ""},
		"root":       {Faults{Control: ControlRoot}, []string{"a=control:/media/trackID=0"}, ""},
		"query":      {Faults{Control: ControlQuery}, []string{"a=control:?track=0"}, ""},
		"mixed":      {Faults{Control: ControlMixed}, []string{"a=control:/media/trackID=0", "a=control:?track=1"}, ""},
		"sendonly":   {Faults{AllSendOnly: true}, []string{"a=sendonly"}, "recvonly"},
		"others first": {Faults{BackChannelFirst: true, Metadata: true, SecondClip: "720p-main"}, []string{
			"m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\na=control:trackID=0\r\nm=application",
			"vnd.onvif.metadata/90000\r\na=recvonly\r\na=control:trackID=1\r\nm=video", "profile-level-id=4D401F",
			"profile-level-id=42C01E",
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, serve(t, test.faults, opus).Addr().String())
			a := c.want(200, "DESCRIBE", c.url+"?x=1")
			if base := a.header.Get("Content-Base"); base != c.url+"/" {
				t.Errorf("Content-Base: %s", base)
			}
			at := 0
			for _, has := range test.has {
				i := strings.Index(a.body[at:], has)
				if i < 0 {
					t.Fatalf("no %q, or not in its place, in %s", has, a.body)
				}
				at += i
			}
			if test.lacks != "" && strings.Contains(a.body, test.lacks) {
				t.Errorf("%q in %s", test.lacks, a.body)
			}
		})
	}
}

func TestOtherSounds(t *testing.T) {
	for name, want := range map[string]string{
		"pcmu": "RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
		"pcma": "RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
		"aac":  "rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 streamtype=5; mode=AAC-hbr; config=1408",
	} {
		c := dial(t, serve(t, Faults{}, withAudio(t, name)).Addr().String())
		if a := c.want(200, "DESCRIBE", c.url); !strings.Contains(a.body, want) {
			t.Errorf("no %q in %s", want, a.body)
		}
	}
}

func TestStreams(t *testing.T) {
	s := serve(t, Faults{SubClip: "360p-main", DoubleScheme: true}, func(c *Config) { c.Script.Film = film(t, "h265") })
	c := dial(t, s.Addr().String())
	a := c.want(200, "DESCRIBE", c.url)
	if !strings.Contains(a.body, "H265/90000\r\na=fmtp:96 sprop-vps=") || a.header.Get("Content-Base") != "rtsp://"+c.url+"/" {
		t.Errorf("%+v", a)
	}
	sub := strings.Replace(c.url, "stream1", "stream2", 1)
	if a := c.want(200, "DESCRIBE", sub); !strings.Contains(a.body, "H264/90000") {
		t.Error(a.body)
	}
	c.want(404, "DESCRIBE", c.url+"x")
	c.want(404, "SETUP", c.url+"/trackID=1", interleaved)
	c.want(200, "SETUP", sub+"/trackID=0", interleaved)
}

// TestControls sets up what each kind of control attribute means.
func TestControls(t *testing.T) {
	for control, want := range map[Control][]string{
		ControlRelative: {"/stream1/trackID=0"},
		ControlAbsolute: {"/media/trackID=0?profile=1"},
		ControlSlash:    {"/stream1/trackID=0", "/stream1//trackID=0"},
		ControlRoot:     {"/media/trackID=0"},
		ControlQuery:    {"/stream1/?track=0"},
	} {
		s := serve(t, Faults{Control: control})
		host := "rtsp://" + s.Addr().String()
		for _, place := range want {
			dial(t, s.Addr().String()).want(200, "SETUP", host+place, interleaved)
		}
		dial(t, s.Addr().String()).want(404, "SETUP", host+"/stream1/trackID=7", interleaved)
		dial(t, s.Addr().String()).want(404, "SETUP", host+"/stream1", interleaved)
	}
}

func TestBadClips(t *testing.T) {
	for _, cfg := range []Config{
		{}, {Faults: Faults{SecondClip: "8k"}}, {Faults: Faults{SubClip: "8k"}},
	} {
		if cfg.Faults != (Faults{}) {
			cfg.Script = reel.Script{Film: film(t, "360p-main")}
		}
		cfg.Listener = listen(t)
		if s, err := Start(cfg); err == nil {
			s.Close()
			t.Errorf("%+v is accepted", cfg.Faults)
		}
		_ = cfg.Listener.Close()
	}
}
