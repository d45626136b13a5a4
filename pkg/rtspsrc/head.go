package rtspsrc

import (
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// gortsplib's limits, with room to spare; a longer line is left out.
const (
	headLines  = 200
	headKeyMax = 500
	headValMax = 2000
)

// messageHead is the head of a request or response, read line by line with patience:
// lines may end with LF alone, be folded, lack their colon, or have blanks in odd
// places.
type messageHead struct {
	start   string
	lines   []headLine
	body    int  // Content-Length
	length  bool // there was one
	repairs int
	rest    bool // lines that continue the last one belong to none that is kept
}

type headLine struct{ key, value string }

// add takes the next line with its line feed and reports whether it was the last.
func (h *messageHead) add(line []byte) (end bool) {
	s := string(line)
	if !strings.HasSuffix(s, "\r\n") {
		h.repairs++
	}
	s = strings.TrimRight(s, "\r\n")
	if h.start == "" {
		h.start = h.startLine(s)
		h.rest = true
		return false
	}
	if s == "" {
		return true
	}
	if s[0] == ' ' || s[0] == '\t' {
		h.repairs++
		if v := strings.TrimSpace(s); v != "" && !h.rest {
			last := &h.lines[len(h.lines)-1]
			if len(last.value)+1+len(v) <= headValMax {
				last.value += " " + headText(v)
			}
		}
		return false
	}
	key, value, ok := strings.Cut(s, ":")
	key, value = strings.TrimRight(key, " \t"), headText(strings.TrimSpace(value))
	if !ok || !headToken(key) || len(key) > headKeyMax || len(value) > headValMax || len(h.lines) >= headLines {
		h.repairs++
		h.rest = true
		return false
	}
	if strings.EqualFold(key, "Content-Length") {
		h.rest = true
		if n, err := strconv.ParseUint(value, 10, 31); err == nil {
			h.body, h.length = int(n), true
		} else {
			h.repairs++
		}
		return false
	}
	h.rest = false
	h.lines = append(h.lines, headLine{key, value})
	return false
}

// startLine repairs a status line or request line.
func (h *messageHead) startLine(s string) string {
	f := strings.Fields(headText(s))
	var out string
	if strings.HasPrefix(s, "RTSP/") {
		code, reason := "0", ""
		if len(f) > 1 {
			code = f[1]
		}
		if len(f) > 2 {
			reason = strings.Join(f[2:], " ")
		}
		out = "RTSP/1.0 " + code + " " + reason[:min(len(reason), 200)]
	} else {
		target := "*"
		if len(f) > 1 && f[1] != "*" && len(f[1]) <= headValMax {
			if _, err := base.ParseURL(f[1]); err == nil {
				target = f[1]
			}
		}
		out = f[0] + " " + target + " RTSP/1.0"
	}
	if out != s {
		h.repairs++
	}
	return out
}

// provisional reports a 1xx response, after which the real one comes.
func (h *messageHead) provisional() bool {
	return strings.HasPrefix(h.start, "RTSP/1.0 1") && len(strings.Fields(h.start)[1]) == 3
}

// unmeasured reports a session description whose length the camera does not tell.
func (h *messageHead) unmeasured() bool {
	if h.length || !strings.HasPrefix(h.start, "RTSP/1.0 200") {
		return false
	}
	for _, l := range h.lines {
		if strings.EqualFold(l.key, "Content-Type") {
			return strings.HasPrefix(strings.ToLower(l.value), "application/sdp")
		}
	}
	return false
}

// text is the head as gortsplib wants it.
func (h *messageHead) text() []byte {
	var b []byte
	b = append(append(b, h.start...), "\r\n"...)
	for _, l := range h.lines {
		b = append(append(append(append(b, l.key...), ": "...), l.value...), "\r\n"...)
	}
	if h.body > 0 {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(h.body), 10), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// headToken reports whether s may be a header's name.
func headToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}

// headText replaces control characters, and leaves bytes of any character set.
func headText(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0 {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}
