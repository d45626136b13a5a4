package rtspsrc

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"
	"github.com/pion/sdp/v3"
)

// sdpFacts is what we need of a session description beside gortsplib's view.
type sdpFacts struct {
	control string                  // the session-level control attribute
	medias  []*sdp.MediaDescription // in the order of gortsplib's medias
	dropped []IgnoredTrack          // sections that could not be saved
	fmtp    []string                // every fmtp line of the original
}

const (
	// maxRepair is the longest description that is repaired, which costs time by the
	// square of its length; cameras send 1 to 4 kB.
	maxRepair = 16 << 10
	// maxParts is how many formats of a media, and parameters of a format, are looked
	// at one by one.
	maxParts = 64
)

func looksLikeSDP(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n\x00\xef\xbb\xbf")
	return bytes.HasPrefix(body, []byte("v=")) || bytes.HasPrefix(body, []byte("o=")) ||
		bytes.HasPrefix(body, []byte("s=")) || bytes.HasPrefix(body, []byte("m="))
}

// cleanSDP returns body as it is if gortsplib accepts it, else without the lines,
// attributes and sections that it would refuse all of it for.
func cleanSDP(body []byte) ([]byte, sdpFacts) {
	var facts sdpFacts
	if sd := accepted(body); sd != nil {
		facts.describe(sd, body)
		return body, facts
	}
	if len(body) > maxRepair {
		return body, facts
	}
	session, sections := splitSDP(body)
	out := []string{"v=0"}
	for _, line := range session {
		if line[0] != 'v' && lineFits("v=0\nt=0 0\n", line) {
			out = append(out, line)
		}
	}
	out = withoutBadKeyMgmt(out)
	kept := 0
	for _, section := range sections {
		lines, reason := cleanSection(section)
		if reason != "" {
			facts.dropped = append(facts.dropped, ignoredSection(section, reason))
			continue
		}
		out = append(out, lines...)
		kept++
	}
	cleaned := joinLines(out)
	sd := accepted(cleaned)
	if sd == nil && kept > 0 {
		// Each section is fine alone; what relates them is not, and is not needed.
		cleaned = joinLines(without(out, "a=mid:", "a=group:"))
		sd = accepted(cleaned)
	}
	if sd == nil {
		if kept > 0 {
			facts.dropped = nil
		}
		facts.fmtp = fmtpLines(body)
		return body, facts
	}
	facts.describe(sd, body)
	return cleaned, facts
}

func (f *sdpFacts) describe(sd *sdp.SessionDescription, original []byte) {
	f.medias = sd.MediaDescriptions
	f.control, _ = sd.Attribute("control")
	f.fmtp = fmtpLines(original)
}

// accepted parses body as gortsplib will; nil means it would refuse it.
func accepted(body []byte) *sdp.SessionDescription {
	sd, err := sdpunmarshaler.Unmarshal(body)
	if err != nil {
		return nil
	}
	var desc description.Session
	if desc.Unmarshal2(sd) != nil {
		return nil
	}
	return sd
}

// splitSDP cuts a description into its session part and one part a media.
func splitSDP(body []byte) (session []string, sections [][]string) {
	text := strings.TrimPrefix(string(body), "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(text)
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		switch {
		case line[0] == 'm':
			sections = append(sections, []string{line})
		case len(sections) == 0:
			session = append(session, line)
		default:
			last := len(sections) - 1
			sections[last] = append(sections[last], line)
		}
	}
	return session, sections
}

// lineFits reports whether a line parses after what precedes it.
func lineFits(before, line string) bool {
	_, err := sdpunmarshaler.Unmarshal([]byte(before + line + "\n"))
	return err == nil
}

// withoutBadKeyMgmt drops a session-level key-mgmt attribute that gortsplib
// cannot read; the medias may have their own.
func withoutBadKeyMgmt(session []string) []string {
	var keep []string
	for _, line := range session {
		if strings.HasPrefix(line, "a=key-mgmt:") &&
			accepted([]byte("v=0\n"+line+"\nm=audio 0 RTP/AVP 0\n")) == nil {
			continue
		}
		keep = append(keep, line)
	}
	return keep
}

// cleanSection repairs one media; a reason means that it cannot be saved.
func cleanSection(section []string) (lines []string, reason string) {
	m, ok := cleanMediaLine(section[0])
	if !ok {
		return nil, fmt.Sprintf("its description is broken (%s)", printable(section[0]))
	}
	lines = []string{m}
	for _, line := range section[1:] {
		if lineFits("v=0\nm=video 0 RTP/AVP 96\n", line) {
			lines = append(lines, line)
		}
	}
	repairs := []func([]string) []string{
		func(s []string) []string { return s },
		func(s []string) []string { return without(s, "a=mid:") },
		cleanFormats,
		cleanFmtp,
		guessRtpmap,
		func(s []string) []string { return without(s, "a=fmtp:") },
	}
	for _, repair := range repairs {
		lines = repair(lines)
		if sectionError(lines) == nil {
			return lines, ""
		}
	}
	return nil, fmt.Sprintf("its description is broken (%s)", printable(sectionError(lines).Error()))
}

// sectionError parses one section as the only one of a description.
func sectionError(lines []string) error {
	sd, err := sdpunmarshaler.Unmarshal(joinLines(append([]string{"v=0"}, lines...)))
	if err != nil {
		return err
	}
	var desc description.Session
	return desc.Unmarshal2(sd)
}

// cleanMediaLine repairs the type's case, the port and the protocol of an m= line.
func cleanMediaLine(line string) (string, bool) {
	if lineFits("v=0\n", line) {
		return line, true
	}
	f := strings.Fields(line[2:])
	if len(f) < 4 {
		return "", false
	}
	for _, try := range [][3]string{
		{strings.ToLower(f[0]), f[1], f[2]},
		{strings.ToLower(f[0]), "0", strings.ToUpper(f[2])},
		{strings.ToLower(f[0]), "0", "RTP/AVP"},
	} {
		fixed := "m=" + strings.Join(append(try[:], f[3:]...), " ")
		if lineFits("v=0\n", fixed) {
			return fixed, true
		}
	}
	return "", false
}

// cleanFormats keeps the payload types of an m= line that parse.
func cleanFormats(lines []string) []string {
	f := strings.Fields(lines[0])
	head, rest := strings.Join(f[:3], " "), lines[1:]
	fixed := head
	for _, pt := range f[3:min(len(f), 3+maxParts)] {
		if sectionError(append([]string{head + " " + pt}, rest...)) == nil {
			fixed += " " + pt
		}
	}
	if fixed == head {
		return lines
	}
	return append([]string{fixed}, rest...)
}

// cleanFmtp keeps the parameters of the fmtp lines that parse. Bad parameter sets
// go this way: the ones in the stream will do.
func cleanFmtp(lines []string) []string {
	out := make([]string, 0, len(lines))
	bare := without(lines, "a=fmtp:")
	for _, line := range lines {
		pt, params, ok := strings.Cut(line, " ")
		if !strings.HasPrefix(line, "a=fmtp:") || !ok {
			out = append(out, line)
			continue
		}
		var good []string
		for _, p := range strings.SplitN(params, ";", maxParts) {
			// Some formats demand several parameters, so one is dropped only if the
			// section fails with it and not without.
			alone := append(append([]string{}, bare...), pt+" "+p)
			if sectionError(alone) == nil || sectionError(bare) != nil {
				good = append(good, p)
			}
		}
		if len(good) > 0 {
			out = append(out, pt+" "+strings.Join(good, ";"))
		}
	}
	return out
}

// guessRtpmap adds the rtpmap of an H.264 track that lacks it.
func guessRtpmap(lines []string) []string {
	for _, line := range lines {
		if strings.HasPrefix(line, "a=rtpmap:") {
			return lines
		}
	}
	for _, line := range lines {
		pt, params, ok := strings.Cut(strings.TrimPrefix(line, "a=fmtp:"), " ")
		if ok && strings.HasPrefix(line, "a=fmtp:") && strings.Contains(params, "sprop-parameter-sets=") {
			return append(append([]string{}, lines...), "a=rtpmap:"+pt+" H264/90000")
		}
	}
	return lines
}

// without returns lines without those that begin with one of the prefixes.
func without(lines []string, prefixes ...string) []string {
	out := make([]string, 0, len(lines))
next:
	for _, line := range lines {
		for _, p := range prefixes {
			if strings.HasPrefix(line, p) {
				continue next
			}
		}
		out = append(out, line)
	}
	return out
}

func joinLines(lines []string) []byte {
	return []byte(strings.Join(lines, "\r\n") + "\r\n")
}

// dropSessionControl removes the session-level control attribute.
func dropSessionControl(body []byte) []byte {
	session, sections := splitSDP(body)
	out := without(session, "a=control:")
	for _, s := range sections {
		out = append(out, s...)
	}
	return joinLines(out)
}

func fmtpLines(body []byte) []string {
	var out []string
	session, sections := splitSDP(body)
	for _, part := range append([][]string{session}, sections...) {
		for _, line := range part {
			if strings.HasPrefix(line, "a=fmtp:") {
				out = append(out, line)
			}
		}
	}
	return out
}
