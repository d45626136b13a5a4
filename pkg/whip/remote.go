package whip

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
)

// remote is what an answer says about the server's end of the connection.
type remote struct {
	ufrag, pwd        string
	candidates        []ice.Candidate
	lite              bool // RFC 8445 section 2.5
	hash, fingerprint string
	dtlsServer        bool // the server waits for our ClientHello (RFC 8842 section 5)
}

// parseRemote reads it out of the session level and of the section that all others
// are bundled with.
func parseRemote(answer string) (remote, error) {
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(answer); err != nil {
		return remote{}, err
	}
	if len(desc.MediaDescriptions) == 0 {
		return remote{}, errors.New("no media sections")
	}
	m := bundled(&desc)
	value := func(key string) string {
		if v, ok := desc.Attribute(key); ok {
			return v
		}
		v, _ := m.Attribute(key)
		return v
	}
	r := remote{ufrag: value("ice-ufrag"), pwd: value("ice-pwd"), dtlsServer: value("setup") == "passive"}
	_, r.lite = desc.Attribute("ice-lite")
	if r.ufrag == "" || r.pwd == "" {
		return remote{}, errors.New("no ICE credentials")
	}
	ok := false
	if r.hash, r.fingerprint, ok = strings.Cut(value("fingerprint"), " "); !ok || strings.Contains(r.fingerprint, " ") {
		return remote{}, errors.New("no fingerprint of the server's certificate")
	}
	var err error
	r.candidates, err = remoteCandidates(m)
	return r, err
}

// bundled is the section whose transport all others share (RFC 9143 section 7.2.1).
func bundled(desc *sdp.SessionDescription) *sdp.MediaDescription {
	group, _ := desc.Attribute("group")
	if f := strings.Fields(group); len(f) > 1 && f[0] == "BUNDLE" {
		for _, m := range desc.MediaDescriptions {
			if mid, _ := m.Attribute("mid"); mid == f[1] {
				return m
			}
		}
	}
	return desc.MediaDescriptions[0]
}

// remoteCandidates leaves out what cannot be read; if nothing is left of several,
// something is wrong.
func remoteCandidates(m *sdp.MediaDescription) ([]ice.Candidate, error) {
	var out []ice.Candidate
	var bad error
	for _, a := range m.Attributes {
		if a.Key != "candidate" {
			continue
		}
		c, err := ice.UnmarshalCandidate(a.Value)
		switch {
		case errors.Is(err, ice.ErrUnknownCandidateTyp), errors.Is(err, ice.ErrDetermineNetworkType):
		case err != nil:
			bad = err
		case c.Component() == ice.ComponentRTP && len(out) < maxCandidates:
			out = append(out, c)
		}
	}
	if len(out) == 0 && bad != nil {
		return nil, fmt.Errorf("candidate: %w", bad)
	}
	return out, nil
}
