//go:build e2e && full

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim"
	"github.com/rtsp2whip/rtsp2whip/pkg/whip"
	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

// way is one of LiveKit's WHIP endpoints, as a user finds it.
type way struct {
	name     string
	lk       *parts.LiveKit
	via      string
	endpoint func(identity string) (url, token string)
}

// waysIn starts livekit-server with its own endpoint, and with an Ingress of each
// kind. All have TURN and TCP.
func waysIn(t *testing.T) []way {
	with := func() parts.LiveKitOptions {
		return parts.LiveKitOptions{TCP: true, More: fmt.Sprintf("turn: {enabled: true, udp_port: %d}", parts.FreePort(t))}
	}
	server := parts.StartLiveKitWith(t, with())
	ways := []way{{"`via: server`", server, "server", func(identity string) (string, string) {
		return server.HTTP() + "/whip/v1", server.RoomToken(t, "table", identity, time.Hour, nil)
	}}}
	for _, proxy := range []bool{false, true} {
		lk, ingress := parts.StartIngressWith(t, with(), proxy)
		name := map[bool]string{false: "Ingress, terminating", true: "Ingress, proxied"}[proxy]
		ways = append(ways, way{name, lk, "ingress", func(identity string) (string, string) {
			return ingress.WHIP(), lk.StreamKey(t, lk.MakeIngress(t, identity, "table", identity))
		}})
	}
	return ways
}

// answer is what an endpoint replied to a POST.
type answer struct {
	status int
	header http.Header
	sdp    string
	url    string
}

// listener keeps the replies to POSTs.
type listener struct {
	mu   sync.Mutex
	last answer
}

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || r.Method != http.MethodPost {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	defer l.mu.Unlock()
	to, lerr := res.Request.URL.Parse(res.Header.Get("Location"))
	if lerr == nil {
		l.last = answer{res.StatusCode, res.Header, string(body), to.String()}
	}
	return res, err
}

// offer makes a session with tracks of these codecs and ends it again. between runs
// while it lasts.
func (w way) offer(t *testing.T, identity string, between func(answer, string), codecs ...string) error {
	t.Helper()
	url, token := w.endpoint(identity)
	ears := &listener{}
	client, err := whip.New(whip.Config{Endpoint: url, Token: whip.StaticToken(token), HTTPClient: &http.Client{Transport: ears}})
	if err != nil {
		t.Fatal(err)
	}
	var tracks []whip.Track
	for _, c := range codecs {
		kind := "audio"
		if strings.HasPrefix(c, "H26") {
			kind = "video"
		}
		codec := whip.Codec{Name: c}
		if c == "H264" {
			codec.ProfileLevelID = "42e01f"
		}
		tracks = append(tracks, whip.Track{Kind: kind, Codecs: []whip.Codec{codec}})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := client.Publish(ctx, tracks)
	if err != nil {
		return err
	}
	if between != nil {
		ears.mu.Lock()
		last := ears.last
		ears.mu.Unlock()
		between(last, token)
	}
	return s.Close(ctx)
}

// row is one line of the table, by the endpoint's name.
type row struct {
	what  string
	cells map[string]string
}

// The table of docs/livekit.md is what these servers do.
func TestEndpointTable(t *testing.T) {
	ways := waysIn(t)
	var rows []row
	add := func(what string, measure func(w way) string) {
		r := row{what, map[string]string{}}
		for _, w := range ways {
			r.cells[w.name] = measure(w)
		}
		rows = append(rows, r)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	for _, codec := range []string{"H264", "H265", "opus", "PCMA", "PCMU", "G722"} {
		add("Takes "+codec, func(w way) string {
			err := w.offer(t, "cam-"+codec, nil, codec)
			t.Logf("%s, %s: %v", w.name, codec, err)
			return yes[err == nil]
		})
	}
	said := map[string]answer{}
	restart := map[string]string{}
	for _, w := range ways {
		if err := w.offer(t, "cam", func(a answer, token string) {
			said[w.name], restart[w.name] = a, restarts(t, a, token)
		}, "H264", "opus"); err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
	}
	has := func(pattern string) func(way) string {
		re := regexp.MustCompile(pattern)
		return func(w way) string { return yes[re.MatchString(said[w.name].sdp)] }
	}
	add("Media over TCP (ICE-TCP)", has(`(?im)^a=candidate:\S+ 1 tcp `))
	add("Names TURN servers in the reply to POST", func(w way) string {
		return yes[strings.Contains(strings.Join(said[w.name].header.Values("Link"), ","), "ice-server")]
	})
	add("RTX (RFC 4588)", has(`(?im)^a=rtpmap:\d+ rtx/`))
	add("Transport-wide feedback", has(`(?m)^a=rtcp-fb:\S+ transport-cc`))
	add("Restarts ICE by PATCH (RFC 9725)", func(w way) string { return restart[w.name] })
	seen, gone := ghosts(t, ways)
	add("The participant's kind", func(w way) string { return strings.ToLower(seen[w.name].Kind.String()) })
	add("Name, metadata and attributes of the site's file", func(w way) string {
		p := seen[w.name]
		return yes[p.Name == "Ghost" && p.Metadata == "m" && p.Attributes["a"] == "b"]
	})
	add("A publisher that dies leaves the room after", func(w way) string { return gone[w.name] })

	table := render(ways, rows)
	t.Log("\n" + table)
	compareTable(t, table)
}

// restarts asks for an ICE restart as RFC 9725 section 4.3.3 has it.
func restarts(t *testing.T, a answer, token string) string {
	t.Helper()
	mid := regexp.MustCompile(`(?m)^a=mid:(\S+)`).FindStringSubmatch(a.sdp)
	if mid == nil {
		mid = []string{"", "0"}
	}
	body := "a=ice-ufrag:tableufrag\r\na=ice-pwd:tablepasswordtablepassword\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:" + mid[1] + "\r\n"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, a.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/trickle-ice-sdpfrag")
	req.Header.Set("If-Match", "*")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "no, " + err.Error()
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return "yes"
	}
	return fmt.Sprintf("no, %d", res.StatusCode)
}

// ghosts publishes a camera by each way and kills the publisher. It returns the
// participants, and for how long each of them stayed.
func ghosts(t *testing.T, ways []way) (seen map[string]*livekit.ParticipantInfo, gone map[string]string) {
	t.Helper()
	camera := startCamera(t, camsim.Config{})
	seen, gone = map[string]*livekit.ParticipantInfo{}, map[string]string{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, w := range ways {
		gateway := parts.StartGateway(t, fmt.Sprintf("rtsp2whip-%d", i), site(w.lk, w.via, "ghosts",
			entry{name: "ghost", url: camera.URL(), extra: ", display_name: Ghost, metadata: m, attributes: {a: b}"}))
		gateway.WaitLive(30*time.Second, "ghost")
		parts.Eventually(t, 20*time.Second, "the participant with all that it has", func() error {
			p, err := w.lk.Participant("ghosts", "ghost")
			if err != nil {
				return err
			}
			seen[w.name] = p
			if len(p.Tracks) == 0 || p.Attributes["a"] == "" {
				return fmt.Errorf("%v", p)
			}
			return nil
		})
		gateway.Kill()
		killed := time.Now()
		wg.Go(func() {
			err := parts.Within(2*time.Minute, func() error { return present(w.lk, "ghosts", "ghost", false) })
			took := time.Since(killed)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				gone[w.name] = "never"
				return
			}
			// To five seconds: what counts is which timer it is.
			gone[w.name] = fmt.Sprintf("%d s", 5*int((took+2500*time.Millisecond)/(5*time.Second)))
			t.Logf("%s: the participant stayed for %.1f s", w.name, took.Seconds())
		})
	}
	wg.Wait()
	return seen, gone
}

func render(ways []way, rows []row) string {
	var b strings.Builder
	b.WriteString("|")
	for _, w := range ways {
		b.WriteString(" | " + w.name)
	}
	b.WriteString(" |\n|---" + strings.Repeat("|---", len(ways)) + "|\n")
	for _, r := range rows {
		b.WriteString("| " + r.what)
		for _, w := range ways {
			b.WriteString(" | " + r.cells[w.name])
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// compareTable holds the page to the table, or writes it there with -update.
func compareTable(t *testing.T, table string) {
	t.Helper()
	const page, from, to = "../../docs/livekit.md", "<!-- endpoints -->\n", "<!-- /endpoints -->"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), from)
	found, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+from+table+to+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if found != table {
		t.Errorf("%s says\n%s", page, found)
	}
}
