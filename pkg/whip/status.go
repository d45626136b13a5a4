package whip

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const hintNotWHIP = "this is not a WHIP endpoint: check the URL, path included"

// clockSkew is from where on a wrong clock is worth a word; tokens commonly allow
// for a minute.
const clockSkew = 90 * time.Second

// class is what a status means to a caller. RFC 9725 section 4.1: a client must
// not infer a cause from a status alone, so hints say where to look.
type class struct {
	hint string
	slow bool
}

var statusClasses = map[int]class{
	400: {"the server did not take the request: check the endpoint's URL, the stream key and what the stream key belongs to", true},
	401: {"the server refused the token: check the stream key or the token, and that it has not expired", true},
	403: {"the server knows the token but does not let it publish: check its rights, and that the ingress is enabled", true},
	404: {"the server knows no such endpoint or stream key: check both", true},
	405: {hintNotWHIP, true},
	406: {"the server does not take a track or codec of the offer: check which codecs it accepts", true},
	408: {"the server waited too long for the request: check the network", false},
	409: {"another session may still be publishing with this key", false},
	410: {"the endpoint is gone: check the URL", true},
	413: {"something on the way limits the size of requests: check the proxy in front of the server", true},
	415: {"the server does not take application/sdp: " + hintNotWHIP, true},
	422: {"the server could not use the offer: check which codecs and how many tracks it accepts", true},
	425: {"the server wants the request later", false},
	429: {"the server has no capacity left or counts too many requests", false},
	502: {"the proxy in front of the server does not reach it", false},
	503: {"the server is starting, stopping or full", false},
	504: {"the proxy in front of the server got no reply from it", false},
}

// classify returns the class of a status; an unknown one is like the first of its
// hundred (RFC 9110 section 15).
func classify(status int) class {
	if c, ok := statusClasses[status]; ok {
		return c
	}
	switch {
	case status >= 400 && status <= 499:
		return statusClasses[400]
	case status >= 500 && status <= 599:
		return class{"the server failed: its log has the reason", false}
	}
	return class{hintNotWHIP, true}
}

// statusError makes an error of a response that is not the wanted one.
func (c *Client) statusError(method string, res *response) *Error {
	e := &Error{
		Op: method, URL: res.redacted, Status: res.status,
		Detail:     detail(res.header.Get("Content-Type"), res.body, res.secrets...),
		retryAfter: retryAfter(res.header, time.Now()),
	}
	k := classify(res.status)
	e.hint, e.slow = k.hint, k.slow
	if res.status == http.StatusTooManyRequests && strings.Contains(e.Detail, "capacity exceeded") { // LiveKit Ingress
		e.hint = "the server has too little idle CPU for one more session: end something there, or lower cpu_cost in LiveKit Ingress's configuration"
	}
	html := isHTML(res.header.Get("Content-Type"), res.body)
	switch {
	case html && (res.status < 300 || res.status == 404 || res.status == 405):
		e.Detail, e.hint, e.slow = "an HTML page", hintNotWHIP, true
	case html:
		e.Detail = "an HTML page"
	case res.status >= 200 && res.status <= 299 && res.status != http.StatusCreated:
		e.Err = fmt.Errorf("WHIP wants 201")
		e.Detail = ""
	}
	if res.status == http.StatusUnauthorized || res.status == http.StatusForbidden {
		switch off, skewed := clockOffset(res.header, time.Now()); {
		case skewed:
			e.hint = clockHint(off)
		case !res.token && res.status == http.StatusUnauthorized:
			e.hint = "no bearer token was given: the server may want one; otherwise check the key in the URL"
		case res.withheld:
			e.hint = "the request was redirected to a host that may not see the token: " +
				"use that host's URL as the endpoint, or allow it the token"
		}
	}
	return e
}

// clockOffset is how far this machine's clock is ahead of the server's, if that is
// more than clockSkew. A box without a battery for its clock boots in the past.
func clockOffset(h http.Header, now time.Time) (time.Duration, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	off := now.Sub(date)
	return off, off.Abs() > clockSkew
}

func clockHint(ahead time.Duration) string {
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("this machine's clock is %v %s the server's: set it, tokens and certificates depend on it",
		ahead.Abs().Round(time.Second), direction)
}

// retryAfter reads the header of that name: seconds or a date (RFC 9110 section
// 10.2.3), at most maxRetryAfter.
func retryAfter(h http.Header, now time.Time) time.Duration {
	const maxRetryAfter = 10 * time.Minute
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789") == "" {
		v = strings.TrimLeft(v, "0")
		if len(v) > 6 {
			return maxRetryAfter
		}
		seconds := 0
		for _, d := range v {
			seconds = seconds*10 + int(d-'0')
		}
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	// Both times by the server's clock, if it tells: ours may be wrong.
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}
