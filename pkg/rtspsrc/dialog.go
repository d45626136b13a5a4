package rtspsrc

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

// dialog is what was said on one connection.
type dialog struct {
	mu sync.Mutex
	said
	ledger
	alive keepAlive
}

// said is the dialog so far, keep-alives apart.
type said struct {
	authSent   bool // the last request carried credentials
	accepted   bool // the camera has accepted our credentials once
	stale      bool // the last 401 only meant that the nonce has expired
	status     int  // of the last answer
	retryAfter time.Duration
	location   string          // of a redirect
	reply      base.StatusCode // to the camera's request
	sender     *auth.Sender
	channel    int // of the last SETUP's RTP, -1 if it has none
}

// onRequest runs before gortsplib writes a request.
func (l *link) onRequest(req *base.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := asked{method: req.Method}
	if v := req.Header["CSeq"]; len(v) > 0 {
		a.inner = v[0]
	}
	if l.alive.on && (req.Method == base.Options || req.Method == base.GetParameter) {
		a.keepAlive = true
		a.method = l.alive.choose(req)
		req.Method = a.method
	}
	l.prepare(req, a)
	if a.keepAlive {
		return
	}
	if a.method == base.Setup && l.multicast() {
		l.askMulticast(req)
	}
	_, l.authSent = req.Header["Authorization"]
	if a.method == base.Play {
		l.alive.url, l.alive.session = req.URL, req.Header["Session"]
	}
	w := l.wire.Load()
	switch {
	case w == nil:
	case req.Method == base.Teardown:
		w.frames.playing.Store(false)
		w.leave(l.teardownAgain(req))
	case req.Method == base.Play:
		w.frames.playing.Store(true)
	}
}

// prepare numbers and authorises a request and notes that its answer is due.
func (l *link) prepare(req *base.Request, a asked) {
	req.Header["CSeq"] = base.HeaderValue{l.note(a)}
	if l.sender != nil {
		// gortsplib keeps the first nonce for the connection's life.
		l.sender.AddAuthorization(req)
	}
}

// onResponse runs before gortsplib interprets a response and may change it.
func (l *link) onResponse(res *base.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if res.Header == nil {
		res.Header = base.Header{}
	}
	a, ok := l.match(res.Header)
	if !ok || a.keepAlive {
		// gortsplib passes over answers with another number than it waits for.
		res.Header["CSeq"] = base.HeaderValue{"0"}
		switch {
		case a.answer != nil:
			if res.StatusCode == base.StatusUnauthorized {
				l.onUnauthorized(res)
			}
			a.answer <- res.StatusCode
		case ok:
			l.onKeepAlive(res, a)
		}
		return
	}
	res.Header["CSeq"] = base.HeaderValue{a.inner}
	l.status = int(res.StatusCode)
	l.retryAfter = retryAfter(res.Header)
	if l.status == 200 && l.authSent {
		l.accepted = true
	}
	cleanSession(res.Header)
	switch {
	case l.status == 401:
		l.onUnauthorized(res)
	case a.method == base.Options && optionsUnknown(l.status):
		// OPTIONS is only a courtesy; cameras that lack it work all the same.
		res.StatusCode = base.StatusOK
	case a.method == base.Describe && l.status >= 301 && l.status <= 305:
		if loc := res.Header["Location"]; len(loc) > 0 {
			l.location = loc[0]
			delete(res.Header, "Location") // we follow it ourselves, with limits
		}
	case a.method == base.Describe && l.status == 200:
		l.sdp = cleanDescribe(res, l.url)
	case a.method == base.Setup && l.status == 200:
		l.onSetup(res)
	case a.method == base.Play:
		l.onPlay()
	}
}

func (l *link) onPlay() {
	accepted := l.status == 200
	l.alive.on = accepted
	if w := l.wire.Load(); w != nil {
		w.frames.accepted.Store(accepted)
		w.frames.playing.Store(accepted)
	}
}

// onSetup repairs the answer to SETUP and makes its channels known.
func (l *link) onSetup(res *base.Response) {
	tcp := l.proto == gortsplib.ProtocolTCP
	cleanTransport(res.Header, tcp)
	if l.multicast() {
		l.joinMulticast(res)
	}
	w := l.wire.Load()
	if !tcp || w == nil {
		return
	}
	var t headers.Transport
	if t.Unmarshal(res.Header["Transport"]) == nil && t.InterleavedIDs != nil {
		l.channel = t.InterleavedIDs[0]
		w.frames.allow(l.channel)
	}
}

// onUnauthorized keeps the newest challenge, so that a request can be repeated
// when the camera has given out a new nonce.
func (l *link) onUnauthorized(res *base.Response) {
	challenges := cleanChallenges(res.Header["WWW-Authenticate"])
	if l.foreign {
		// The host that we were sent to may have the password's digest, not the
		// password.
		kept := challenges[:0]
		for _, c := range challenges {
			if !strings.HasPrefix(c, "Basic ") {
				kept = append(kept, c)
			}
		}
		challenges = kept
	}
	res.Header["WWW-Authenticate"] = challenges
	said := strings.ToLower(strings.ReplaceAll(strings.Join(challenges, " "), `"`, ""))
	l.stale = strings.Contains(said, "stale=true")
	if l.url.User == nil {
		return
	}
	pass, _ := l.url.User.Password()
	sender := &auth.Sender{WWWAuth: challenges, User: l.url.User.Username(), Pass: pass}
	if sender.Initialize() == nil {
		l.sender = sender
	}
}

// again reports that the request which just failed is worth one repetition on
// the same connection: the camera wanted a newer nonce.
func (l *link) again() bool {
	d := l.soFar()
	return d.status == 401 && d.sender != nil && (d.accepted || d.stale)
}

// soFar returns what was said until now.
func (l *link) soFar() said {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said
}

func optionsUnknown(status int) bool {
	switch status {
	case 400, 404, 405, 451, 454, 455, 500, 501, 551:
		return true
	}
	return false
}

// retryAfter reads the header's form in seconds; cameras have no use for dates.
func retryAfter(h base.Header) time.Duration {
	v := h["Retry-After"]
	if len(v) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(v[0]), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}
