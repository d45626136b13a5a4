package whiptest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Patch says what a server does with PATCH requests. The zero value takes none.
type Patch struct {
	// Trickle takes further candidates, Restart restarts ICE.
	Trickle, Restart bool
	// QuotedStar wants If-Match: "*" for a restart, where RFC 9725 means *.
	QuotedStar bool
	// LiveKit does as LiveKit Ingress: bare entity tags, a whole session description
	// instead of a fragment, a reply with line feeds only and no mid, and 422 for
	// everything but a restart.
	LiveKit bool
	// UfragTag makes the ICE user name the entity tag, without quotes, as
	// livekit-server does.
	UfragTag bool
	// MutateReply changes the reply to a restart.
	MutateReply func(fragment string) string
}

func (p Patch) any() bool { return p.Trickle || p.Restart || p.LiveKit }

// etag is that of the session's newest ICE credentials, as it is sent.
func (s *Session) etag() string {
	if s.server.cfg.Patch.UfragTag {
		_, ufrag, _ := strings.Cut(s.pc.LocalDescription().SDP, "a=ice-ufrag:")
		ufrag, _, _ = strings.Cut(ufrag, "\r\n")
		return ufrag
	}
	tag := fmt.Sprintf("ice-%d", s.Restarts())
	if s.server.cfg.Patch.LiveKit {
		return tag
	}
	return `W/"` + tag + `"`
}

// Restarts counts the ICE restarts of the session.
func (s *Session) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// Trickled returns the fragments that came by PATCH, restarts excepted.
func (s *Session) Trickled() []Fragment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.trickled)
}

func (s *Server) servePatch(w http.ResponseWriter, req Request) {
	i := slices.IndexFunc(s.Sessions(), func(x *Session) bool { return strings.HasSuffix(req.Path, x.Path()) })
	if i < 0 {
		http.Error(w, "no such session", http.StatusNotFound)
		return
	}
	session, can, match := s.Sessions()[i], s.cfg.Patch, req.Header.Get("If-Match")
	star := "*"
	if can.QuotedStar {
		star = `"*"`
	}
	switch {
	case !can.any():
		http.Error(w, "no PATCH here", http.StatusMethodNotAllowed)
	case req.Header.Get("Content-Type") != "application/trickle-ice-sdpfrag":
		http.Error(w, "wrong type", http.StatusUnsupportedMediaType)
	case match == "":
		http.Error(w, "If-Match is missing", http.StatusPreconditionRequired)
	case match == star && can.Restart, match == star && can.LiveKit:
		session.serveRestart(w, req)
	case can.LiveKit, strings.Trim(match, `"`) == "*" && !can.Restart, match == session.etag() && !can.Trickle:
		http.Error(w, "not supported", http.StatusUnprocessableEntity)
	case match != session.etag():
		http.Error(w, "another entity tag", http.StatusPreconditionFailed)
	default:
		session.serveTrickle(w, req)
	}
}

func (s *Session) serveTrickle(w http.ResponseWriter, req Request) {
	f, err := ParseFragment(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, c := range f.Candidates {
		if err := s.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: c, SDPMid: &f.MID, UsernameFragment: &f.Ufrag}); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	s.mu.Lock()
	s.trickled = append(s.trickled, f)
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Session) serveRestart(w http.ResponseWriter, req Request) {
	f, err := s.parseRestart(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply, err := s.restart(f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if m := s.server.cfg.Patch.MutateReply; m != nil {
		reply = m(reply)
	}
	w.Header().Set("Content-Type", "application/trickle-ice-sdpfrag")
	w.Header().Set("ETag", s.etag())
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, reply)
}

// parseRestart reads the body: strictly, or as LiveKit does.
func (s *Session) parseRestart(body string) (Fragment, error) {
	if !s.server.cfg.Patch.LiveKit {
		return ParseFragment(body)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(body); err != nil {
		return Fragment{}, err
	}
	var f Fragment
	if len(d.MediaDescriptions) == 0 {
		return f, errors.New("no media section")
	}
	m := d.MediaDescriptions[0]
	f.Ufrag, _ = m.Attribute("ice-ufrag")
	f.Pwd, _ = m.Attribute("ice-pwd")
	for _, a := range m.Attributes {
		if a.Key == "candidate" {
			f.Candidates = append(f.Candidates, a.Value)
		}
	}
	if f.Ufrag == "" || f.Pwd == "" {
		return f, errors.New("no credentials")
	}
	return f, nil
}

// restart answers new credentials with new ones of our own.
func (s *Session) restart(f Fragment) (string, error) {
	var offer strings.Builder
	sections := 0
	for line := range strings.Lines(s.offer) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "a=ice-ufrag":
			line = "a=ice-ufrag:" + f.Ufrag + "\r\n"
		case "a=ice-pwd":
			line = "a=ice-pwd:" + f.Pwd + "\r\n"
		case "a=candidate", "a=end-of-candidates":
			line = ""
		case "a=mid":
			if sections == 0 {
				for _, c := range f.Candidates {
					line += "a=candidate:" + c + "\r\n"
				}
			}
			sections++
		}
		offer.WriteString(line)
	}
	s.mu.Lock()
	s.restarts++
	s.mu.Unlock()
	if s.server.cfg.RestartOpensPath {
		s.Blackhole(false, false)
	}
	answer, err := s.negotiate(offer.String())
	if err != nil {
		return "", err
	}
	return s.replyOf(answer), nil
}

// replyOf makes the reply to a restart of the answer to it.
func (s *Session) replyOf(answer string) string {
	var session, media []string
	sections := 0
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		key, _, _ := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "m="):
			if sections++; sections == 1 {
				media = append(media, line)
			}
		case sections > 1:
		case s.server.cfg.Patch.LiveKit && sections == 0:
			session = append(session, line)
		case key == "a=mid" && s.server.cfg.Patch.LiveKit:
		case key == "a=group", key == "a=mid", key == "a=ice-ufrag", key == "a=ice-pwd", key == "a=candidate", key == "a=end-of-candidates":
			media = append(media, line)
			if sections == 0 {
				session, media = append(session, line), nil
			}
		}
	}
	end := "\r\n"
	if s.server.cfg.Patch.LiveKit {
		end = "\n"
	}
	return strings.Join(append(session, media...), end) + end
}
