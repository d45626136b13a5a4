package whip

import (
	"errors"
	"strings"
)

const fragmentType = "application/trickle-ice-sdpfrag"

// fragment is what a PATCH carries either way (RFC 8840 section 9): the ICE
// credentials of one side, and candidates.
type fragment struct {
	ufrag, pwd string
	candidates []string // values of a=candidate
	complete   bool     // no more will come
}

// fragmentOf makes the body of a PATCH of a local description: its first media
// section, which all others are bundled with, and of that only what concerns ICE
// (RFC 9725 section 4.3.2).
func fragmentOf(sdp string) string {
	var session, credentials, candidates []string
	media, mid, sections, complete := "", "", 0, false
	for line := range strings.Lines(sdp) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "m=") {
			sections++
			if sections == 1 {
				media = line
			}
		}
		key, _, _ := strings.Cut(line, ":")
		switch {
		case sections == 0 && (strings.HasPrefix(line, "a=group:BUNDLE") || key == "a=ice-options"):
			session = append(session, line)
		case sections == 0 && (key == "a=ice-ufrag" || key == "a=ice-pwd"):
			session = append(session, line)
		case sections != 1:
		case key == "a=mid":
			mid = line
		case key == "a=ice-ufrag" || key == "a=ice-pwd" || key == "a=ice-options":
			credentials = append(credentials, line)
		case key == "a=candidate":
			candidates = append(candidates, line)
		case key == "a=end-of-candidates":
			complete = true
		}
	}
	if complete { // behind the candidates, wherever it was
		candidates = append(candidates, "a=end-of-candidates")
	}
	lines := append(session, media, mid)
	lines = append(append(lines, credentials...), candidates...)
	return strings.Join(lines, "\r\n") + "\r\n"
}

// withoutCandidates leaves the credentials of a fragment. The server finds the
// client's addresses by the checks that come from there.
func withoutCandidates(fragment string) string {
	var b strings.Builder
	for line := range strings.Lines(fragment) {
		if !isCandidate(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// preamble makes a fragment a session description.
const preamble = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"

// ufragOf is the first ICE user name of a description.
func ufragOf(sdp string) string {
	for line := range strings.Lines(sdp) {
		if ufrag, ok := strings.CutPrefix(strings.TrimSpace(line), "a=ice-ufrag:"); ok {
			return ufrag
		}
	}
	return ""
}

// parseFragment reads a server's reply to an ICE restart. It takes line ends of
// either kind, a whole session description instead of a fragment, and fragments
// without a mid: LiveKit Ingress sends all of these.
func parseFragment(text string) (fragment, error) {
	var f fragment
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, ":")
		if value != "" && strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			continue
		}
		switch key {
		case "a=ice-ufrag":
			if f.ufrag == "" {
				f.ufrag = value
			}
		case "a=ice-pwd":
			if f.pwd == "" {
				f.pwd = value
			}
		case "a=candidate":
			// A whole description may repeat them in each media section.
			if value != "" && len(f.candidates) < maxCandidates {
				f.candidates = append(f.candidates, value)
			}
		case "a=end-of-candidates":
			f.complete = true
		}
	}
	if f.ufrag == "" || f.pwd == "" {
		return f, errors.New("the reply to the ICE restart has no credentials")
	}
	return f, nil
}

// maxCandidates bounds what a reply may make us try.
const maxCandidates = 100

// withFragment is an answer with the credentials and the candidates of a fragment
// in the place of its own (RFC 9725 section 4.3.3).
func withFragment(answer string, f fragment) string {
	var b strings.Builder
	put := func(line string) { b.WriteString(line + "\r\n") }
	credentials := func() {
		put("a=ice-ufrag:" + f.ufrag)
		put("a=ice-pwd:" + f.pwd)
	}
	sections, mine := 0, 0 // mine: the section that has had the fragment's lines
	end := func() {
		if sections == 0 || mine == sections {
			return
		}
		mine = sections
		credentials()
		if sections > 1 {
			return
		}
		for _, c := range f.candidates {
			put("a=candidate:" + c)
		}
		if f.complete {
			put("a=end-of-candidates")
		}
	}
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "m=") {
			end()
			sections++
		}
		switch key, _, _ := strings.Cut(line, ":"); key {
		case "a=ice-ufrag", "a=ice-pwd", "a=candidate", "a=end-of-candidates", "":
		default:
			put(line)
		}
	}
	end()
	return b.String()
}
