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
