package ingress

import (
	"net/url"
	"strings"
)

// apiURL turns the address of a LiveKit server into the base of its HTTP API.
func apiURL(raw string) (string, error) {
	u, err := serverURL(raw)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "wss":
		u.Scheme = "https"
	case "ws":
		u.Scheme = "http"
	}
	return u.String(), nil
}

// serverURL parses the address of a LiveKit server: ws, wss, http or https, no
// trailing slash, nothing after the path.
func serverURL(raw string) (*url.URL, error) {
	bad := func(detail, hint string) (*url.URL, error) {
		return nil, &Error{Op: "livekit url", Reason: Invalid, detail: detail, hint: hint}
	}
	const example = "write it like wss://livekit.example.com"
	trimmed := strings.TrimSpace(raw)
	if trimmed == "" {
		return bad("empty", "set livekit.url, for example wss://livekit.example.com")
	}
	u, err := url.Parse(trimmed)
	if err != nil {
		// What url.Parse says repeats the input, which may hold a password.
		return bad("not a URL", example)
	}
	switch u.Scheme {
	case "ws", "wss", "http", "https":
	default:
		return bad("no ws://, wss://, http:// or https:// in front", example)
	}
	switch {
	case !hasHost(u):
		return bad("no host", example)
	case u.User != nil:
		return bad("user name in the URL", "take it out: LiveKit knows API keys only")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return bad("query or fragment in the URL", "take away everything after the host and its path")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// hasHost tells whether u names a host. url.Parse lets an IPv6 address without
// brackets pass, which then is no address at all.
func hasHost(u *url.URL) bool {
	host := u.Hostname()
	return u.Opaque == "" && host != "" && (strings.HasPrefix(u.Host, "[") || !strings.Contains(host, ":"))
}

// ServerWHIPURL is the WHIP endpoint that livekit-server itself has since
// v1.9.1: wss://host becomes https://host/whip/v1.
func ServerWHIPURL(livekitURL string) (string, error) {
	base, err := apiURL(livekitURL)
	if err != nil {
		return "", err
	}
	return base + "/whip/v1", nil
}

// whipURL checks and tidies the URL of a WHIP ingress: the one LiveKit returned,
// or the override that the site has set. A slash at its end is taken off,
// because Ingress answers "url//key" with a redirect that loses the POST.
func whipURL(returned, override string) (string, error) {
	raw, from := returned, "LiveKit returned"
	const hint = "set ingress.whip_base_url in livekit-server's config to the address of Ingress that this machine can reach (like https://whip.example.com/w), or set livekit.whip_url here"
	if override != "" {
		raw, from = override, "livekit.whip_url is"
	}
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return "", &Error{
			Op: "whip url", Reason: NoWHIPURL, detail: "LiveKit returned none for the ingress",
			hint: "whip_base_url is not set in livekit-server's config (ingress.whip_base_url): set it, or set livekit.whip_url here",
		}
	}
	u, err := url.Parse(raw)
	if err != nil || !hasHost(u) || (u.Scheme != "http" && u.Scheme != "https") {
		return "", &Error{
			Op: "whip url", Reason: NoWHIPURL, hint: hint,
			detail: from + " something that is no http:// or https:// URL",
		}
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u.String(), nil
}

// printableURL is raw without user info, for messages.
func printableURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return u.String()
}
