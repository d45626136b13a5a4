package rtspsrc

import (
	"regexp"
	"strings"
)

const blank = "xxx"

var (
	// A password may hold spaces. Rather too much is blanked, up to the last "@" of
	// a text that merely begins with a URL, than a part of it left.
	userInfoRe = regexp.MustCompile(`(?i)((?:rtsps?|rtsp\+(?:https?|wss?))://)[^/?#\r\n]*@`)
	// Some recorders want the password in the path or query:
	// "/user=admin_password=x_channel=1", "?loginuse=admin&loginpas=x".
	secretKeyRe = regexp.MustCompile(`(?i)(pass|passwd|password|pwd|psw|loginpas|token|secret|auth|key|sig|signature|session|sid|credentials?)=`)
	nextKeyRe   = regexp.MustCompile(`^_[A-Za-z]+=`)
)

// redact removes user info and blanks secrets in whatever URLs s holds.
func redact(s string) string {
	if strings.Contains(s, "://") { // what follows is slow, and most errors have no URL in them
		s = userInfoRe.ReplaceAllString(s, "$1")
	}
	if strings.IndexByte(s, '=') < 0 {
		return s
	}
	var b strings.Builder
	for {
		loc := secretKeyRe.FindStringIndex(s)
		if loc == nil {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:loc[1]])
		s = s[loc[1]:]
		if n := secretLen(s); n > 0 {
			b.WriteString(blank)
			s = s[n:]
		}
	}
}

// secretLen is the length of the value at the beginning of s.
func secretLen(s string) int {
	for i := range len(s) {
		switch s[i] {
		case '&', ';', '/', '?', '#', ' ', '\t', '\r', '\n', '"', '\'':
			return i
		case '_':
			if nextKeyRe.MatchString(s[i:]) {
				return i
			}
		}
	}
	return len(s)
}
