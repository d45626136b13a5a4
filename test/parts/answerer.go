package parts

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
)

//go:embed answerer.html
var answererPage []byte

// Answerer is a WHIP server whose WebRTC end is a page in Chromium: the endpoint
// hands each offer to the page and its answer back. It takes trickled candidates
// and ICE restarts.
type Answerer struct {
	browser *Browser
	options AnswererOptions
	url     string

	mu       sync.Mutex
	sessions int
}

// AnswererOptions change how an Answerer is reached.
type AnswererOptions struct {
	Host string // the endpoint's address; "" means 127.0.0.1
	// Relay, if set, returns the address by which the client is to reach the page's
	// own. The page then learns nothing of the client's candidates, so that there is
	// no other way.
	Relay func(page netip.AddrPort) netip.AddrPort
}

// Inbound is what a page has received on a track, as its getStats says.
type Inbound struct {
	Codec           string `json:"codec"`
	PacketsReceived int    `json:"packetsReceived"`
	PacketsLost     int    `json:"packetsLost"`
	FramesReceived  int    `json:"framesReceived"`
	FramesDecoded   int    `json:"framesDecoded"`
	FramesDropped   int    `json:"framesDropped"`
	FrameWidth      int    `json:"frameWidth"`
	FrameHeight     int    `json:"frameHeight"`
	FreezeCount     int    `json:"freezeCount"`
	NACKs           int    `json:"nackCount"`
	PLIs            int    `json:"pliCount"`
	Retransmitted   int    `json:"retransmittedPacketsReceived"`
}

// StartAnswerer starts Chromium with the page, and the endpoint.
func StartAnswerer(t testing.TB, o AnswererOptions) *Answerer {
	t.Helper()
	a := &Answerer{browser: StartBrowser(t), options: o}
	listener, err := net.Listen("tcp", net.JoinHostPort(hostOr(o.Host), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(a)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	a.url = server.URL
	// The page is at a loopback address: only there, or over https, may it be allowed
	// anything.
	page := httptest.NewServer(http.HandlerFunc(servePage))
	t.Cleanup(page.Close)
	a.browser.AllowMedia(page.URL)
	a.browser.Open(page.URL)
	return a
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(answererPage)
}

// Base is the endpoint's URL without its path.
func (a *Answerer) Base() string { return a.url }

// WHIP is the endpoint.
func (a *Answerer) WHIP() string { return a.url + "/whip" }

// Video is what the newest session has received; nil if there is nothing yet.
func (a *Answerer) Video() (*Inbound, error) {
	var report *struct {
		Video *Inbound `json:"video"`
	}
	if err := a.browser.Eval("report()", &report); err != nil || report == nil {
		return nil, err
	}
	return report.Video, nil
}

// ServeHTTP is the endpoint and its sessions.
func (a *Answerer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/whip/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/whip":
		err = a.post(w, string(body))
	case r.Method == http.MethodPatch && r.Header.Get("If-Match") == "*":
		err = a.restart(w, id, string(body))
	case r.Method == http.MethodPatch:
		if err = a.call(new(bool), "candidates", id, candidateLines(string(body))); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	case r.Method == http.MethodDelete:
		err = a.call(new(bool), "end", id)
	default:
		http.Error(w, "no such thing", http.StatusMethodNotAllowed)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// call runs one of the page's functions.
func (a *Answerer) call(into any, name string, args ...any) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return a.browser.Eval(fmt.Sprintf("%s(...%s)", name, text), into)
}

func (a *Answerer) post(w http.ResponseWriter, offer string) error {
	a.mu.Lock()
	a.sessions++
	id := fmt.Sprint(a.sessions)
	a.mu.Unlock()
	if a.options.Relay != nil {
		offer = anyCandidate.ReplaceAllString(offer, "")
	}
	var answer string
	if err := a.call(&answer, "answer", id, offer); err != nil {
		return err
	}
	answer, err := a.relayed(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/whip/"+id)
	w.Header().Set("ETag", etagOf(answer))
	w.WriteHeader(http.StatusCreated)
	_, err = io.WriteString(w, answer)
	return err
}

func (a *Answerer) restart(w http.ResponseWriter, id, fragment string) error {
	var answer string
	err := a.call(&answer, "restart", id, attribute(fragment, "ice-ufrag"), attribute(fragment, "ice-pwd"), candidateLines(fragment))
	if err != nil {
		return err
	}
	if answer, err = a.relayed(answer); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/trickle-ice-sdpfrag")
	w.Header().Set("ETag", etagOf(answer))
	out := []string{
		"a=ice-ufrag:" + attribute(answer, "ice-ufrag"), "a=ice-pwd:" + attribute(answer, "ice-pwd"),
		"m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:" + attribute(answer, "mid"),
	}
	for _, c := range candidateLines(answer) {
		out = append(out, "a="+c)
	}
	_, err = io.WriteString(w, strings.Join(append(out, "a=end-of-candidates", ""), "\r\n"))
	return err
}

var (
	anyCandidate = regexp.MustCompile(`(?m)^a=(candidate:.*|end-of-candidates)\r\n`)
	udpCandidate = regexp.MustCompile(`(?m)^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host.*\r\n`)
)

// relayed puts the relay's address in the place of the page's.
func (a *Answerer) relayed(answer string) (string, error) {
	if a.options.Relay == nil {
		return answer, nil
	}
	found := udpCandidate.FindStringSubmatch(answer)
	if found == nil {
		return "", fmt.Errorf("the page has no address: %s", answer)
	}
	page, err := netip.ParseAddrPort(net.JoinHostPort(found[1], found[2]))
	if err != nil {
		return "", err
	}
	at := a.options.Relay(page)
	answer = anyCandidate.ReplaceAllString(answer, "")
	line := fmt.Sprintf("a=candidate:1 1 udp 2130706431 %s %d typ host\r\na=end-of-candidates\r\n", at.Addr(), at.Port())
	return strings.Replace(answer, "a=ice-ufrag:", line+"a=ice-ufrag:", 1), nil
}

// candidateLines are those of a description or fragment, without "a=".
func candidateLines(sdp string) []string {
	lines := []string{}
	for line := range strings.Lines(sdp) {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "a="); ok && strings.HasPrefix(c, "candidate:") {
			lines = append(lines, c)
		}
	}
	return lines
}

// attribute is the first of that name.
func attribute(sdp, name string) string {
	for line := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "a="+name+":"); ok {
			return v
		}
	}
	return ""
}

// etagOf is the entity tag of a description's ICE session.
func etagOf(answer string) string {
	return fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256([]byte(attribute(answer, "ice-ufrag"))))[:16])
}
