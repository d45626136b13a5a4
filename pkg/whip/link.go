package whip

import (
	"net/url"
	"strings"
)

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	// URL is a stun:, stuns:, turn: or turns: URI (RFC 7064, RFC 7065).
	URL string
	// Username and Credential are for TURN.
	Username   string
	Credential string
}

// String leaves the credential out, so that no log or error shows one.
func (s ICEServer) String() string {
	if s.Username == "" && s.Credential == "" {
		return s.URL
	}
	return s.URL + " (" + s.Username + ")"
}

// GoString does likewise.
func (s ICEServer) GoString() string { return "whip.ICEServer{" + s.String() + "}" }

// maxICEServers bounds how many servers an answer may make us ask.
const maxICEServers = 16

// ParseICEServers reads the ICE servers out of Link header fields (RFC 8288
// section 3, RFC 9725 section 4.6). It takes several links to a field, tokens and
// quoted strings, parameters in any order, other relations in between, and
// percent-encoded targets as livekit-server sent them until v1.13.6. A link that
// cannot be read, or that is no ICE server, is left out, and so is what comes after
// the first 16: each is asked, and a hostile server may name strangers.
func ParseICEServers(fields []string) []ICEServer {
	var servers []ICEServer
	for _, field := range fields {
		for _, l := range parseLinks(field) {
			if s, ok := l.iceServer(); ok && len(servers) < maxICEServers {
				servers = append(servers, s)
			}
		}
	}
	return servers
}

// link is one link-value of RFC 8288.
type link struct {
	target string
	params map[string]string // lower-case names; the first of a name wins
}

func (l link) iceServer() (ICEServer, bool) {
	isICE := false
	for _, rel := range strings.Fields(l.params["rel"]) {
		isICE = isICE || strings.EqualFold(rel, "ice-server")
	}
	if !isICE {
		return ICEServer{}, false
	}
	target := l.target
	if !strings.Contains(target, "?") && strings.Contains(target, "%") {
		if plain, err := url.PathUnescape(target); err == nil {
			target = plain
		}
	}
	scheme, rest, ok := strings.Cut(target, ":")
	if !ok || rest == "" || strings.ContainsFunc(target, isControlOrSpace) {
		return ICEServer{}, false
	}
	switch strings.ToLower(scheme) {
	case "stun", "stuns", "turn", "turns":
	default:
		return ICEServer{}, false
	}
	return ICEServer{URL: target, Username: l.params["username"], Credential: l.params["credential"]}, true
}

func isControlOrSpace(r rune) bool { return r <= ' ' || r == 0x7f }

// parseLinks splits one field into its links. After something that is not a link
// it goes on behind the next comma.
func parseLinks(field string) []link {
	p := linkParser{rest: field}
	var links []link
	for p.skip(", \t"); p.rest != ""; p.skip(", \t") {
		if l, ok := p.link(); ok {
			links = append(links, l)
		} else {
			p.toNextLink()
		}
	}
	return links
}

type linkParser struct{ rest string }

func (p *linkParser) skip(chars string) { p.rest = strings.TrimLeft(p.rest, chars) }

// take removes a leading byte if it is the wanted one.
func (p *linkParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *linkParser) link() (link, bool) {
	if !p.take('<') {
		return link{}, false
	}
	target, rest, ok := strings.Cut(p.rest, ">")
	if !ok {
		p.rest = ""
		return link{}, false
	}
	p.rest = rest
	l := link{target: strings.TrimSpace(target), params: map[string]string{}}
	for {
		p.skip(" \t")
		if p.rest == "" || p.rest[0] == ',' {
			return l, true
		}
		if !p.take(';') {
			return link{}, false
		}
		p.skip(" \t")
		name := strings.ToLower(p.until("=;, \t"))
		p.skip(" \t")
		value := ""
		if p.take('=') {
			p.skip(" \t")
			value = p.value()
		}
		if _, have := l.params[name]; name != "" && !have {
			l.params[name] = value
		}
	}
}

// until returns what comes before the first of the characters.
func (p *linkParser) until(chars string) string {
	end := strings.IndexAny(p.rest, chars)
	if end < 0 {
		end = len(p.rest)
	}
	s := p.rest[:end]
	p.rest = p.rest[end:]
	return s
}

// value reads a token or a quoted-string; RFC 8288 section 3 wants both taken for
// every parameter.
func (p *linkParser) value() string {
	if !p.take('"') {
		return p.until(";, \t")
	}
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	p.rest = ""
	return b.String()
}

// toNextLink goes behind the next comma that is not in a quoted string.
func (p *linkParser) toNextLink() {
	quoted := false
	for i := 0; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			if quoted {
				i++
			}
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				p.rest = p.rest[i+1:]
				return
			}
		}
	}
	p.rest = ""
}
