package whiptest

import (
	"errors"
	"fmt"
	"strings"
)

// Fragment is a parsed application/trickle-ice-sdpfrag.
type Fragment struct {
	Ufrag, Pwd string
	Options    []string // of a=ice-options
	Group      string   // of a=group, without "BUNDLE"
	MID        string
	Candidates []string
	// Complete is a=end-of-candidates.
	Complete bool
}

// ParseFragment reads a fragment as strictly as RFC 8840 section 9 and RFC 9725
// section 4.3.2 are written: CRLF line ends, no whole session description, one
// pseudo media section with its mid right behind, credentials once, candidates
// last, and nothing after the end of candidates.
func ParseFragment(body string) (Fragment, error) {
	p := fragmentParser{}
	for line := range strings.Lines(body) {
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok || strings.ContainsAny(text, "\r\n") {
			return p.f, fmt.Errorf("line %q does not end with CRLF", line)
		}
		if err := p.line(text); err != nil {
			return p.f, fmt.Errorf("line %q: %w", text, err)
		}
	}
	switch {
	case p.media == 0:
		return p.f, errors.New("no pseudo media section")
	case p.f.MID == "":
		return p.f, errors.New("no a=mid")
	case p.f.Ufrag == "" || p.f.Pwd == "":
		return p.f, errors.New("no credentials")
	}
	return p.f, nil
}

type fragmentParser struct {
	f     Fragment
	media int
	mid   bool // a=mid has been seen in this section
}

func (p *fragmentParser) line(text string) error {
	if m, ok := strings.CutPrefix(text, "m="); ok {
		if p.media++; p.media > 1 {
			return errors.New("a second media section: candidates belong to the first of the bundle")
		}
		if len(strings.Fields(m)) < 4 {
			return errors.New("not a media line")
		}
		return nil
	}
	attribute, ok := strings.CutPrefix(text, "a=")
	if !ok {
		return errors.New("neither a media line nor an attribute")
	}
	if p.f.Complete {
		return errors.New("after the end of candidates")
	}
	key, value, _ := strings.Cut(attribute, ":")
	if p.media == 1 && !p.mid && key != "mid" {
		return errors.New("a=mid has to follow the media line")
	}
	once := func(to *string) error {
		if value == "" || *to != "" {
			return errors.New("empty or given twice")
		}
		*to = value
		return nil
	}
	switch key {
	case "group":
		mids, ok := strings.CutPrefix(value, "BUNDLE ")
		if !ok || p.media != 0 {
			return errors.New("not a bundle of the session")
		}
		p.f.Group = mids
	case "ice-ufrag":
		return once(&p.f.Ufrag)
	case "ice-pwd":
		return once(&p.f.Pwd)
	case "ice-options":
		p.f.Options = strings.Fields(value)
	case "ice-lite", "ice-pacing":
	case "mid":
		p.mid = true
		if p.media != 1 {
			return errors.New("outside a media section")
		}
		if group := strings.Fields(p.f.Group); len(group) > 0 && group[0] != value {
			return errors.New("not the first of the bundle")
		}
		return once(&p.f.MID)
	case "candidate":
		if p.media != 1 || len(strings.Fields(value)) < 8 {
			return errors.New("not a candidate of a media section")
		}
		p.f.Candidates = append(p.f.Candidates, value)
	case "end-of-candidates":
		p.f.Complete = true
	default:
		return errors.New("an attribute that has nothing to do with ICE")
	}
	return nil
}
