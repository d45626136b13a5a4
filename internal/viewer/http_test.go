package viewer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// ask sends one request straight to a handler.
func ask(h http.Handler, method, path, body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8989"+path, strings.NewReader(body))
	for k, v := range header {
		if k == "Host" {
			r.Host = v
		}
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newServer(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const (
	h264Offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
		"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=setup:actpass\r\na=ice-ufrag:abcdefgh\r\n" +
		"a=ice-pwd:abcdefghabcdefghabcdefgh\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:96 H264/90000\r\n" +
		"a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\n"
	audioSection = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=setup:actpass\r\n" +
		"a=ice-ufrag:abcdefgh\r\na=ice-pwd:abcdefghabcdefghabcdefgh\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n"
)

func TestRefusals(t *testing.T) {
	sdp := map[string]string{"Content-Type": "application/sdp"}
	player := strings.Replace(h264Offer, "sendonly", "recvonly", 1)
	h265 := strings.Replace(h264Offer, "H264", "H265", 1)
	for _, tt := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		says                     string
	}{
		{"no content type", "POST", "/whip/gate", h264Offer, nil, 415, "application/sdp"},
		{"wrong content type", "POST", "/whip/gate", h264Offer, map[string]string{"Content-Type": "application/json"}, 415, "application/sdp"},
		{"empty", "POST", "/whip/gate", "", sdp, 400, "neither"},
		{"not SDP", "POST", "/whip/gate", "<html>", sdp, 400, "no SDP"},
		{"no media", "POST", "/whip/gate", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", sdp, 400, "neither"},
		{"too long", "POST", "/whip/gate", strings.Repeat("a", maxOffer+1), sdp, 413, "longer"},
		{"a publisher that receives", "POST", "/whip/gate", player, sdp, 400, "a publisher sends"},
		{"two videos", "POST", "/whip/gate", h264Offer + h264Offer[strings.Index(h264Offer, "m="):], sdp, 406, "two video"},
		{"a data channel", "POST", "/whip/gate", strings.Replace(h264Offer, "m=video", "m=application", 1), sdp, 406, `"application"`},
		{"no codec of ours", "POST", "/whip/gate", h265, sdp, 406, "no codec of the offer's video"},
		{"no ICE credentials", "POST", "/whip/gate", strings.Replace(h264Offer, "a=ice-ufrag:abcdefgh\r\n", "", 1), sdp, 400, "the offer cannot be"},
		{"a name too long", "POST", "/whip/" + strings.Repeat("a", maxName+1), h264Offer, sdp, 400, "longer"},
		{"a name with a slash", "POST", "/whip/a%2Fb", h264Offer, sdp, 400, "cannot be a stream name"},
		{"a name not printable", "POST", "/whip/a%07b", h264Offer, sdp, 400, "printed"},
		{"no name", "POST", "/whip/", h264Offer, sdp, 404, ""},
		{"GET of an endpoint", "GET", "/whip/gate", "", nil, 405, "POST"},
		{"PATCH of a session", "PATCH", "/whip/gate/x", "", nil, 405, "DELETE"},
		{"GET of a session", "GET", "/whep/gate/x", "", nil, 405, "DELETE"},
		{"DELETE of no session", "DELETE", "/whip/gate/x", "", nil, 404, "no such session"},
		{"a player of no stream", "POST", "/whep/yard", player, sdp, 404, "no stream of this name"},
		{"a player of a quiet stream", "POST", "/whep/gate", player, sdp, 503, "nobody publishes"},
		{"a player without a type", "POST", "/whep/gate", player, nil, 415, "application/sdp"},
		{"a foreign name", "GET", "/", "", map[string]string{"Host": "evil.example"}, 403, "Host"},
		{"a foreign name with port", "POST", "/whip/gate", h264Offer, map[string]string{"Host": "evil.example:8989"}, 403, "Host"},
		{"a foreign address", "GET", "/api/streams", "", map[string]string{"Host": "192.0.2.7:8989"}, 403, "Host"},
		{"no name at all", "GET", "/api/streams", "", map[string]string{"Host": ""}, 403, "Host"},
		{"another site", "POST", "/whep/gate", player, map[string]string{"Origin": "https://evil.example", "Content-Type": "application/sdp"}, 403, "other sites"},
		{"another port", "DELETE", "/whip/gate/x", "", map[string]string{"Origin": "http://127.0.0.1:1"}, 403, "other sites"},
		{"a page that is not there", "GET", "/nothing", "", nil, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, Config{Names: []string{"gate"}})
			w := ask(s.Handler(), tt.method, tt.path, tt.body, tt.header)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s; want %d with %q", w.Code, strings.TrimSpace(w.Body.String()), tt.status, tt.says)
			}
			if w.Code == http.StatusMethodNotAllowed && !strings.Contains(w.Header().Get("Allow"), tt.says) {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
			if n := len(s.Streams()); n != 1 {
				t.Errorf("%d streams are listed after a refusal", n)
			}
		})
	}
}

func TestARefusedNameIsNotListed(t *testing.T) {
	s := newServer(t, Config{})
	ask(s.Handler(), "POST", "/whip/gate", strings.Replace(h264Offer, "H264", "H265", 1), map[string]string{"Content-Type": "application/sdp"})
	if list := s.Streams(); len(list) != 0 {
		t.Errorf("listed: %+v", list)
	}
}

func TestAnswerToAnOffer(t *testing.T) {
	s := newServer(t, Config{Token: "t0ken"})
	header := map[string]string{"Content-Type": "application/sdp; charset=utf-8", "Authorization": "bearer t0ken"}
	w := ask(s.Handler(), "POST", "/whip/north%20gate", strings.Replace(h264Offer, "BUNDLE 0", "BUNDLE 0 1", 1)+audioSection, header)
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	h, answer := w.Header(), w.Body.String()
	location := h.Get("Location")
	if !strings.HasPrefix(location, "/whip/north%20gate/") || h.Get("Content-Type") != "application/sdp" ||
		!strings.HasPrefix(h.Get("ETag"), `"`) {
		t.Errorf("header %v", h)
	}
	for _, want := range []string{"H264/90000", "opus/48000/2", "a=recvonly", " 127.0.0.1 ", "a=end-of-candidates"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q:\n%s", want, answer)
		}
	}
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "a=candidate:") && !strings.Contains(line, " 127.0.0.1 ") {
			t.Errorf("a candidate beyond this machine: %s", line)
		}
	}
	if w := ask(s.Handler(), "DELETE", location, "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("DELETE without the token: %d", w.Code)
	}
	if w := ask(s.Handler(), "DELETE", location, "", header); w.Code != http.StatusOK {
		t.Errorf("DELETE: %d %s", w.Code, w.Body)
	}
}

func TestToken(t *testing.T) {
	s := newServer(t, Config{Token: "t0ken"})
	for _, auth := range []string{"", "Bearer", "Bearer wrong", "Basic t0ken", "t0ken", "Bearer t0ken2"} {
		w := ask(s.Handler(), "POST", "/whip/gate", h264Offer, map[string]string{"Content-Type": "application/sdp", "Authorization": auth})
		if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("Authorization %q: %d", auth, w.Code)
		}
		if strings.Contains(w.Body.String(), "t0ken") {
			t.Errorf("the token is in the answer: %s", w.Body)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, tt := range []struct {
		hosts []string
		host  string
		want  bool
	}{
		{nil, "127.0.0.1:8989", true},
		{nil, "127.9.9.9", true},
		{nil, "[::1]:8989", true},
		{nil, "localhost", true},
		{nil, "LocalHost.:80", true},
		{nil, "cam.localhost:80", true},
		{nil, "localhost.evil.example", false},
		{nil, "127.0.0.1.evil.example", false},
		{nil, "[::2]", false},
		{nil, "10.0.0.1:80", false},
		{[]string{"Box.lan"}, "box.lan:8989", true},
		{[]string{"box.lan"}, "other.lan", false},
		{[]string{"*"}, "anything.example", true},
	} {
		s := newServer(t, Config{Hosts: tt.hosts})
		w := ask(s.Handler(), "GET", "/", "", map[string]string{"Host": tt.host})
		if got := w.Code == http.StatusOK; got != tt.want {
			t.Errorf("Host %s with %v: %d", tt.host, tt.hosts, w.Code)
		}
	}
}

func TestLimits(t *testing.T) {
	sdp := map[string]string{"Content-Type": "application/sdp"}
	s := newServer(t, Config{MaxStreams: 1, MaxViewers: 1})
	first := ask(s.Handler(), "POST", "/whip/gate", h264Offer, sdp)
	if first.Code != http.StatusCreated {
		t.Fatalf("%d %s", first.Code, first.Body)
	}
	if w := ask(s.Handler(), "POST", "/whip/yard", h264Offer, sdp); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one stream too many: %d %v", w.Code, w.Header())
	}
	offer := strings.Replace(h264Offer, "sendonly", "recvonly", 1)
	player := ask(s.Handler(), "POST", "/whep/gate", offer, sdp)
	if player.Code != http.StatusCreated {
		t.Fatalf("%d %s", player.Code, player.Body)
	}
	if w := ask(s.Handler(), "POST", "/whep/gate", offer, sdp); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one player too many: %d %v", w.Code, w.Header())
	}
	ask(s.Handler(), "DELETE", player.Header().Get("Location"), "", nil)
	if w := ask(s.Handler(), "POST", "/whep/gate", strings.Replace(offer, "H264", "H265", 1), sdp); w.Code != 406 {
		t.Errorf("a player without the codec: %d %s", w.Code, w.Body)
	}
	if w := ask(s.Handler(), "POST", "/whep/gate", offer, sdp); w.Code != http.StatusCreated {
		t.Errorf("the seat is not free again: %d %s", w.Code, w.Body)
	}
	// A stream that is gone makes room.
	ask(s.Handler(), "DELETE", first.Header().Get("Location"), "", nil)
	for _, v := range *s.lookup("gate").viewers.Load() {
		v.end("test")
		<-v.gone
	}
	if w := ask(s.Handler(), "POST", "/whip/yard", h264Offer, sdp); w.Code != http.StatusCreated {
		t.Errorf("no room for a new stream: %d %s", w.Code, w.Body)
	}
}

func TestPage(t *testing.T) {
	s := newServer(t, Config{Title: "site 42", Names: []string{"yard", "gate"}})
	for path, typ := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/player.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg"} {
		w := ask(s.Handler(), "GET", path, "", nil)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), typ) || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		body := w.Body.String()
		if i := strings.Index(strings.ReplaceAll(body, "http://www.w3.org/", ""), "://"); i >= 0 {
			t.Errorf("%s names another host", path)
		}
		if path == "/" && (strings.Contains(body, "style=") || strings.Contains(body, "<style") || strings.Contains(body, " onclick")) {
			t.Error("the page holds what its policy forbids")
		}
	}
	w := ask(s.Handler(), "GET", "/api/streams", "", nil)
	var got struct {
		Title   string
		Streams []Stream
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Title != "site 42" || len(got.Streams) != 2 || got.Streams[0].Name != "yard" || got.Streams[1].Problem == "" {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{"/whip/gate", "/whep/gate"} {
		w := ask(s.Handler(), "OPTIONS", path, "", nil)
		if w.Code != http.StatusNoContent || w.Header().Get("Accept-Post") != "application/sdp" {
			t.Errorf("OPTIONS %s: %d %v", path, w.Code, w.Header())
		}
	}
}

func TestNewRefusesBadNames(t *testing.T) {
	for _, names := range [][]string{{""}, {"a", "a"}, {"a/b"}, {"\xff"}, {".."}} {
		if s, err := New(Config{Names: names}); err == nil {
			s.Close()
			t.Errorf("%q was taken", names)
		}
	}
}

func TestProblems(t *testing.T) {
	now := time.Now()
	pub := &publisher{}
	pub.video.Store(&webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264})
	for _, tt := range []struct {
		name string
		set  func(st *stream)
		want string
	}{
		{"new", func(*stream) {}, "nobody has published"},
		{"gone", func(st *stream) { st.publishers, st.left = 1, "it broke" }, "has gone: it broke"},
		{"connecting", func(st *stream) { st.pub, st.publishers = pub, 1 }, "connecting"},
		{"fresh", func(st *stream) { st.pub, st.live, st.since = pub, true, now }, ""},
		{"silent from the start", func(st *stream) { st.pub, st.live, st.since = pub, true, now.Add(-time.Minute) }, "sends nothing"},
		{"silent since", func(st *stream) {
			st.pub, st.live, st.since, st.lastPacket = pub, true, now.Add(-time.Minute), now.Add(-10*time.Second)
		}, "no packet for 10s"},
		{"no key frame", func(st *stream) {
			st.pub, st.live, st.since, st.lastPacket = pub, true, now.Add(-time.Minute), now
		}, "no complete key frame"},
		{"well", func(st *stream) {
			st.pub, st.live, st.since, st.lastPacket = pub, true, now.Add(-time.Minute), now
			st.pics.keyFrames = 1
		}, ""},
	} {
		st := newStream("gate", 0, false, nil)
		tt.set(st)
		if got := st.problem(now); got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
