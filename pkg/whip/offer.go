package whip

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// newStreamID returns the id that all tracks of a session share in a=msid (RFC
// 9725 section 4.4.2) and that is their RTCP CNAME: 128 random bits, where RFC
// 7022 section 4.2 asks for 96.
func newStreamID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// wireOffer makes of a local description what is sent: RFC 9725 section 4.4.1
// demands a=rtcp-mux-only in each bundled m= section, which the WebRTC library
// neither writes nor needs to see. Candidates come before the other attributes: an
// ICE restart crashes livekit-server (as of 1.13.5) where they are
// the last ones of a section.
func wireOffer(sdp string) string {
	sdp = strings.ReplaceAll(sdp, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n")
	var out, head, candidates, rest strings.Builder
	end := func() {
		for _, part := range []*strings.Builder{&head, &candidates, &rest} {
			out.WriteString(part.String())
			part.Reset()
		}
	}
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "m=") {
			end()
		}
		switch {
		case isCandidate(line):
			candidates.WriteString(line)
		case strings.HasPrefix(line, "a="):
			rest.WriteString(line)
		default:
			head.WriteString(line)
		}
	}
	end()
	return out.String()
}

func isCandidate(line string) bool {
	return strings.HasPrefix(line, "a=candidate:") || strings.HasPrefix(line, "a=end-of-candidates")
}

// candidates returns the address and type of each ICE candidate in a description,
// such as "192.0.2.1:7885 (host)".
func candidates(sdp string) []string {
	var out []string
	for line := range strings.Lines(sdp) {
		value, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "a=candidate:")
		if !ok {
			continue
		}
		// foundation component transport priority address port "typ" type (RFC 8839)
		f := strings.Fields(value)
		if len(f) < 8 || f[6] != "typ" {
			continue
		}
		protocol := ""
		if strings.EqualFold(f[2], "tcp") {
			protocol = "tcp "
		}
		c := oneLine(joinHostPort(f[4], f[5]) + " (" + protocol + f[7] + ")")
		if len(out) == 0 || out[len(out)-1] != c {
			out = append(out, c)
		}
	}
	return out
}

func joinHostPort(host, port string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]:" + port
	}
	return host + ":" + port
}

// listed joins the first of many.
func listed(items []string) string {
	const most = 8
	if len(items) == 0 {
		return "none"
	}
	if len(items) > most {
		return strings.Join(items[:most], ", ") + ", ..."
	}
	return strings.Join(items, ", ")
}
