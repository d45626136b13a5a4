package rtspsrc

import (
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// keepAlive chooses how a session is kept alive. gortsplib sends the keep-alives
// and asks for no answer; neither a refusal nor silence ends a session.
type keepAlive struct {
	on      bool // PLAY was accepted
	other   bool // use the method that gortsplib did not choose
	waiting bool // the last one was not answered
	url     *base.URL
	session base.HeaderValue
}

// choose returns the method for the next keep-alive. A camera that refuses one of
// GET_PARAMETER and OPTIONS, or does not answer it, may count only the other.
func (k *keepAlive) choose(req *base.Request) base.Method {
	if k.waiting {
		k.other = !k.other
	}
	k.waiting = true
	k.url, k.session = req.URL, req.Header["Session"]
	switch {
	case !k.other:
		return req.Method
	case req.Method == base.Options:
		return base.GetParameter
	}
	return base.Options
}

// onKeepAlive takes the answer to a keep-alive.
func (l *link) onKeepAlive(res *base.Response, a asked) {
	l.alive.waiting = false
	switch {
	case res.StatusCode == base.StatusUnauthorized:
		l.onUnauthorized(res)
		if l.sender != nil && !a.repeated {
			l.repeat(a)
		}
	case res.StatusCode >= 400:
		l.alive.other = !l.alive.other
	}
}

// teardownAgain returns what makes the same TEARDOWN with the nonce of a refusal.
func (l *link) teardownAgain(req *base.Request) func(head []byte) []byte {
	if _, authorised := req.Header["Authorization"]; !authorised {
		return nil
	}
	again := base.Request{Method: req.Method, URL: req.URL, Header: base.Header{}}
	for _, key := range []string{"User-Agent", "Session"} {
		if v, ok := req.Header[key]; ok {
			again.Header[key] = v
		}
	}
	return func(head []byte) []byte {
		lines := strings.Split(string(head), "\r\n")
		if f := strings.Fields(lines[0]); len(f) < 2 || f[1] != "401" {
			return nil
		}
		res := &base.Response{Header: base.Header{}}
		for _, line := range lines[1:] {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(key), "WWW-Authenticate") {
				res.Header["WWW-Authenticate"] = append(res.Header["WWW-Authenticate"], strings.TrimSpace(value))
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.onUnauthorized(res)
		if l.sender == nil {
			return nil
		}
		l.prepare(&again, asked{method: again.Method, repeated: true})
		b, err := again.Marshal()
		if err != nil {
			return nil
		}
		return b
	}
}

// repeat sends a keep-alive again, with the nonce that the camera has just given
// out: the next one in turn might come too late.
func (l *link) repeat(a asked) {
	nc := l.client.NetConn()
	if nc == nil {
		return
	}
	req := &base.Request{Method: a.method, URL: l.alive.url, Header: base.Header{
		"User-Agent": base.HeaderValue{l.src.cfg.UserAgent},
	}}
	if l.alive.session != nil {
		req.Header["Session"] = l.alive.session
	}
	l.prepare(req, asked{method: a.method, keepAlive: true, repeated: true})
	b, err := req.Marshal()
	if err != nil {
		return
	}
	// A failure to write shows in gortsplib's next write, or in its reading.
	_ = nc.SetWriteDeadline(time.Now().Add(l.src.cfg.RequestTimeout))
	_, _ = nc.Write(b)
}
