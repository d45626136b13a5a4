package rtspsrc

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// urlError makes the error of a URL that cannot be used. The URL itself is not
// part of it: what could not be parsed could not be redacted either.
func urlError(hint, format string, args ...any) error {
	return &Error{Op: "url", Err: fmt.Errorf("%w: "+format, append([]any{ErrURL}, args...)...), hint: hint, slow: true}
}

// parseURL splits a camera's URL into what is sent and the credentials in it.
// The returned URL has no user info.
func parseURL(s string) (u *base.URL, user, pass string, err error) {
	s = strings.TrimSpace(s)
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return nil, "", "", urlError("write the camera's URL with rtsp:// in front", "it has no scheme")
	}
	scheme = strings.ToLower(scheme)
	if err := checkScheme(scheme); err != nil {
		return nil, "", "", err
	}

	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	host := authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, pass = splitUserInfo(authority[:i])
		host = authority[i+1:]
	} else if passwordCutShort(authority, tail) {
		return nil, "", "", urlError(
			"give user name and password beside the URL, where any character is fine",
			"the password in it holds a character that ends the host name (/, ? or #)")
	}
	if err := checkHost(host); err != nil {
		return nil, "", "", err
	}
	if strings.IndexByte(tail, '#') >= 0 {
		return nil, "", "", urlError("write %23 if the # belongs to the camera's path", "it has a # in it")
	}
	if scheme == "rtsps" { // UniFi: asks for SRTP inside TLS, which protects nothing more
		tail = strings.TrimSuffix(tail, "?enableSrtp")
	}
	if strings.HasPrefix(tail, "?") {
		tail = "/" + tail
	}
	// Not base.ParseURL, which takes an @ in the path for the end of user info.
	parsed, perr := url.Parse(scheme + "://" + host + escapeStray(tail))
	if perr != nil {
		return nil, "", "", urlError("copy the URL from the camera's manual or from its web page", "its path cannot be parsed")
	}
	return (*base.URL)(parsed), user, pass, nil
}

func checkScheme(scheme string) error {
	switch scheme {
	case "rtsp", "rtsps":
		return nil
	case "http", "https":
		return urlError("use the camera's RTSP URL (rtsp://...), not the address of its web page", "it begins with %s://", scheme)
	case "rtspt", "rtspu", "rtsph":
		return urlError("write rtsp:// and choose the transport beside the URL; rtsp+http:// goes through the camera's web port", "it begins with %s://", scheme)
	}
	return urlError("write the camera's URL with rtsp:// in front", "its scheme is neither rtsp nor rtsps")
}

// splitUserInfo decodes "user:password". A part whose percent signs do not decode
// is taken as it stands: then they belong to the password.
func splitUserInfo(s string) (user, pass string) {
	user, pass, _ = strings.Cut(s, ":")
	if v, err := url.PathUnescape(user); err == nil {
		user = v
	}
	if v, err := url.PathUnescape(pass); err == nil {
		pass = v
	}
	return user, pass
}

// passwordCutShort reports that "user:pa" was taken for host and port because the
// password goes on with a / or a #.
func passwordCutShort(authority, tail string) bool {
	if !strings.Contains(tail, "@") || strings.HasPrefix(authority, "[") {
		return false
	}
	_, port, ok := strings.Cut(authority, ":")
	if !ok {
		return false
	}
	_, err := strconv.ParseUint(port, 10, 16)
	return err != nil
}

// checkHost checks "host", "host:port" and "[v6]:port".
func checkHost(hostport string) error {
	if strings.Count(hostport, ":") > 1 && !strings.HasPrefix(hostport, "[") {
		return urlError("put an IPv6 address in brackets, as in rtsp://[fe80::1]:554/", "its host has several colons")
	}
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i >= 0 && !strings.HasSuffix(hostport, "]") {
		host, port = hostport[:i], hostport[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return urlError("a port is a number from 1 to 65535; 554 is the usual one", "its port is not a port number")
		}
	}
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.ReplaceAll(strings.Trim(host, "[]"), "%25", "%"))
		if err != nil || !addr.Is6() {
			return urlError("put a valid IPv6 address between the brackets", "its host is not an IPv6 address")
		}
		return nil
	}
	if host == "" {
		return urlError("write the camera's address after rtsp://", "it has no host")
	}
	if strings.ContainsAny(host, " \t<>\"'{}|\\^`%[]") || strings.ContainsFunc(host, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return urlError("write the camera's IP address or host name after rtsp://", "its host holds a character that no host name has")
	}
	return nil
}

// escapeStray escapes what camera paths hold and URLs may not: percent signs that
// begin no escape, spaces and control characters.
func escapeStray(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])):
			b.WriteString("%25")
		case c <= ' ' || c == 0x7f:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// sameHost reports whether two URLs name the same machine, whatever the port.
func sameHost(a, b *base.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname())
}
