package whip

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
)

// redactURL returns scheme, host and path; no user info, no query, and no path
// segment that may be a key. Some endpoints take the stream key in the path
// (LiveKit: /w/KEY), and a query may hold anything.
func redactURL(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		if looksSecret(s) {
			segments[i] = "***"
		}
	}
	s := u.Scheme + "://" + u.Host + strings.Join(segments, "/")
	if u.RawQuery != "" {
		s += "?***"
	}
	return s
}

// looksSecret is generous: a path segment that only resembles a key is hidden as
// well. Words ("whip", "entrance-camera") stay. LiveKit's keys are 12 letters, of
// either case, and digits.
func looksSecret(segment string) bool {
	if len(segment) < 10 {
		return false
	}
	mixed := strings.ToLower(segment) != segment && strings.ToUpper(segment) != segment
	return len(segment) >= 24 || mixed || strings.ContainsAny(segment, "0123456789")
}

const maxDetail = 200 // runes of a server's text in an error

// detail makes one short line of a response body: the member of a JSON object
// that explains most (RFC 9457, or LiveKit's "error"), or the text itself. It is
// for reading only (RFC 9725 section 4.1).
func detail(contentType string, body []byte, secrets ...string) string {
	text := string(body)
	if isHTML(contentType, body) {
		return "" // said in words by the caller
	}
	var members map[string]any
	if json.Unmarshal(body, &members) == nil {
		for _, key := range []string{"detail", "error", "message", "msg", "title"} {
			if s, ok := members[key].(string); ok && s != "" {
				text = s
				break
			}
		}
	}
	return oneLine(text, secrets...)
}

// oneLine removes secrets, control characters and invalid UTF-8 and shortens.
func oneLine(text string, secrets ...string) string {
	text = strings.ToValidUTF8(text, "?")
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf):
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	for _, s := range secrets { // last: what was removed may have stood within one
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	if runes := []rune(text); len(runes) > maxDetail {
		return string(runes[:maxDetail]) + "..."
	}
	return text
}

func isHTML(contentType string, body []byte) bool {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "text/html") {
		return true
	}
	head := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 256)])))
	return strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html")
}
