package secret

import (
	"net/url"
	"regexp"
	"strings"
)

// credential finds what looks like a credential within a path, as in
// "/user=admin_password=x_channel=1_stream=0.sdp" of some recorders.
var credential = regexp.MustCompile(`(?i)(user|login|account|pass|pwd|token|secret|auth|key)[a-z]*[=:]`)

// URL returns a URL that may be shown: without user info, fragment, the values
// of its query and path segments that look like credentials. What cannot be
// parsed comes back with everything hidden but its scheme, since there is no
// telling where in it a password sits.
func URL(raw string) string {
	u, ok := parse(raw)
	if !ok {
		scheme, _, ok := strings.Cut(raw, "://")
		if !ok || strings.ContainsAny(scheme, "@:/ ") {
			return "…"
		}
		return scheme + "://…"
	}
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err != nil || credential.MatchString(plain) {
			segments[i] = "…"
		}
	}
	return shown(u, strings.Join(segments, "/"))
}

// Endpoint returns the URL of a WHIP endpoint so that it may be shown: as URL
// does, and of the path only the first segment, for the next one is a stream
// key with many servers.
func Endpoint(raw string) string {
	u, ok := parse(raw)
	if !ok {
		return URL(raw)
	}
	path := u.EscapedPath()
	if first, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/"); ok && rest != "" {
		path = "/" + first + "/…"
	}
	return shown(u, path)
}

// parse refuses an "@" behind the host too: it ends a password that holds one
// of "/?#", and what looks like host and path is then part of that password.
func parse(raw string) (*url.URL, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return nil, false
	}
	return u, true
}

func shown(u *url.URL, path string) string {
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(u.Scheme + "://")
	}
	b.WriteString(u.Host + path)
	if u.RawQuery != "" {
		b.WriteString("?…")
	}
	return b.String()
}
