package rtspsrc

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
)

// cleanDescribe repairs a camera's answer to DESCRIBE in place, where gortsplib
// would refuse it or misread it, and returns what the session description says.
func cleanDescribe(res *base.Response, request *base.URL) sdpFacts {
	if looksLikeSDP(res.Body) {
		res.Header["Content-Type"] = base.HeaderValue{"application/sdp"}
	}
	var facts sdpFacts
	res.Body, facts = cleanSDP(res.Body)
	if cb := cleanBase(res.Header, request); cb != "" {
		res.Header["Content-Base"] = base.HeaderValue{cb}
	} else {
		delete(res.Header, "Content-Base")
	}
	if facts.control != "" && facts.control != "*" {
		if _, err := base.ParseURL(facts.control); err != nil {
			// RFC 2326 C.1.1: relative to Content-Base. gortsplib wants an absolute one.
			res.Body = dropSessionControl(res.Body)
			if joined := joinControl(res.Header, request, facts.control); joined != "" {
				res.Header["Content-Base"] = base.HeaderValue{joined}
			}
		}
	}
	return facts
}

// cleanBase returns the base of the control URLs as the camera gave it, "" if the
// request's URL is to serve: RFC 2326 C.1.1 tries Content-Base, Content-Location,
// request, in this order.
func cleanBase(h base.Header, request *base.URL) string {
	for _, key := range []string{"Content-Base", "Content-Location"} {
		for _, v := range h[key] {
			v = strings.TrimSpace(v)
			if strings.HasPrefix(v, "/") && key == "Content-Base" {
				if _, err := base.ParseURL(request.Scheme + "://" + request.Host + v); err == nil {
					return v
				}
				continue
			}
			if !strings.Contains(v, "://") {
				if key != "Content-Base" || !strings.Contains(v, "/") {
					continue
				}
				v = request.Scheme + "://" + v // "10.0.0.1:554/stream/"
			}
			for _, twice := range []string{"rtsp://rtsp://", "rtsps://rtsps://", "rtsp://rtsps://"} {
				if strings.HasPrefix(v, twice) {
					v = v[strings.Index(v, "//")+2:]
				}
			}
			u, user, _, err := parseURL(v)
			if err != nil {
				continue
			}
			if user != "" {
				return u.String()
			}
			return v
		}
	}
	return ""
}

// joinControl resolves a relative session-level control attribute, "" if it makes
// no URL.
func joinControl(h base.Header, request *base.URL, control string) string {
	root := request.CloneWithoutCredentials()
	if cb := h["Content-Base"]; len(cb) == 1 {
		s := cb[0]
		if strings.HasPrefix(s, "/") {
			s = request.Scheme + "://" + request.Host + s
		}
		if u, err := base.ParseURL(s); err == nil {
			root = u
		}
	}
	ref, err := url.Parse(control)
	if err != nil || ref.Host != "" || ref.Opaque != "" || ref.Scheme != "" {
		return ""
	}
	joined := (*url.URL)(root).ResolveReference(ref).String()
	if _, err := base.ParseURL(joined); err != nil {
		return ""
	}
	return joined
}

// cleanSession makes the Session header one value with a readable timeout, and
// halves the timeout for gortsplib, which sends keep-alives only 5 s before it.
func cleanSession(h base.Header) {
	v, ok := h["Session"]
	if !ok {
		return
	}
	id, params := "", ""
	for _, s := range v {
		if s = strings.TrimSpace(s); s != "" {
			id, params, _ = strings.Cut(s, ";")
		}
	}
	id = strings.TrimSpace(id)
	if id == "" {
		delete(h, "Session")
		return
	}
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(key), "timeout") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil || n == 0 {
			continue
		}
		n = min(n, 120)
		id += ";timeout=" + strconv.FormatUint(n/2+5, 10)
		break
	}
	h["Session"] = base.HeaderValue{id}
}

// cleanTransport repairs the answer to SETUP.
func cleanTransport(h base.Header, tcp bool) {
	v := h["Transport"]
	if len(v) == 0 {
		return
	}
	one := v[0]
	var parts []string
	interleaved := false
	for p := range strings.SplitSeq(one, ";") {
		p = strings.TrimSpace(p)
		key, value, _ := strings.Cut(p, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		switch key {
		case "":
			continue
		case "interleaved":
			interleaved = true
			p = key + "=" + cleanPair(value)
		case "port", "client_port", "server_port", "ttl", "mode":
			if !parses(key, value) {
				continue // none of these is needed to read a stream over TCP
			}
			p = key + "=" + value
		case "unicast", "multicast":
			p = key
		default:
			if len(parts) == 0 || strings.HasPrefix(key, "rtp/") {
				p = strings.ToUpper(p)
			}
		}
		parts = append(parts, p)
	}
	if tcp && interleaved {
		for i, p := range parts {
			switch p {
			case "RTP/AVP", "RTP/AVP/UDP": // TCP, as the channels tell
				parts[i] = "RTP/AVP/TCP"
			case "RTP/SAVP", "RTP/SAVP/UDP":
				parts[i] = "RTP/SAVP/TCP"
			}
		}
	}
	h["Transport"] = base.HeaderValue{strings.Join(parts, ";")}
}

// cleanPair makes "2-3" of "2", "2-", "2-9" and "2 - 3": RTCP is on the channel
// after RTP's (RFC 2326 section 10.12).
func cleanPair(s string) string {
	first, _, _ := strings.Cut(s, "-")
	n, err := strconv.ParseUint(strings.TrimSpace(first), 10, 8)
	if err != nil || n > 254 {
		return s
	}
	return strconv.FormatUint(n, 10) + "-" + strconv.FormatUint(n+1, 10)
}

func parses(key, value string) bool {
	var t headers.Transport
	return t.Unmarshal(base.HeaderValue{"RTP/AVP;" + key + "=" + value}) == nil
}

// cleanChallenges writes the scheme's name the way gortsplib compares it.
func cleanChallenges(in base.HeaderValue) base.HeaderValue {
	out := make(base.HeaderValue, 0, len(in))
	for _, c := range in {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(c), " ")
		switch strings.ToLower(scheme) {
		case "basic":
			scheme = "Basic"
		case "digest":
			scheme = "Digest"
		}
		out = append(out, scheme+" "+strings.TrimSpace(rest))
	}
	return out
}
