package rtspsrc

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// dialog is what was said on one connection.
type dialog struct {
	mu sync.Mutex
	said
}

// said is the dialog so far.
type said struct {
	method     base.Method // of the last request
	authSent   bool        // the last request carried credentials
	accepted   bool        // the camera has accepted our credentials once
	stale      bool        // the last 401 only meant that the nonce has expired
	status     int         // of the last answer
	retryAfter time.Duration
	location   string // of a redirect
	fresh      *auth.Sender
}

// onRequest runs before a request is written.
func (l *link) onRequest(req *base.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.method = req.Method
	if l.fresh != nil {
		// gortsplib keeps the first nonce for the connection's life.
		l.fresh.AddAuthorization(req)
	}
	_, l.authSent = req.Header["Authorization"]
	if req.Method == base.Teardown {
		if w := l.wire.Load(); w != nil {
			w.leave()
		}
	}
}

// onResponse runs before a response is interpreted and may change it.
func (l *link) onResponse(res *base.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if res.Header == nil {
		res.Header = base.Header{}
	}
	l.status = int(res.StatusCode)
	l.retryAfter = retryAfter(res.Header)
	if l.status == 200 && l.authSent {
		l.accepted = true
	}
	cleanSession(res.Header)
	switch {
	case l.status == 401:
		l.onUnauthorized(res)
	case l.method == base.Options && optionsUnknown(l.status):
		// OPTIONS is only a courtesy; cameras that lack it work all the same.
		res.StatusCode = base.StatusOK
	case l.method == base.Describe && l.status >= 301 && l.status <= 305:
		if loc := res.Header["Location"]; len(loc) > 0 {
			l.location = loc[0]
			delete(res.Header, "Location") // we follow it ourselves, with limits
		}
	case l.method == base.Describe && l.status == 200:
		l.sdp = cleanDescribe(res, l.url)
	case l.method == base.Setup && l.status == 200:
		cleanTransport(res.Header, l.proto == gortsplib.ProtocolTCP)
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
	if l.accepted || l.stale {
		pass, _ := l.url.User.Password()
		fresh := &auth.Sender{WWWAuth: challenges, User: l.url.User.Username(), Pass: pass}
		if fresh.Initialize() == nil {
			l.fresh = fresh
		}
	}
}

// again reports that the request which just failed is worth one repetition on
// the same connection: the camera wanted a newer nonce.
func (l *link) again() bool {
	d := l.soFar()
	return d.status == 401 && d.fresh != nil && (d.accepted || d.stale)
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
