package whip

import "path"

// ResourceName is the last part of the session's URL, by which servers call the
// session elsewhere too: LiveKit's own endpoint takes the participant's SID, and
// LiveKit Ingress tells it in an attribute of the participant. It is as secret as
// the URL is: whoever has both key and name can end the session.
func (s *Session) ResourceName() string {
	if s.url == nil {
		return ""
	}
	if name := path.Base(s.url.Path); name != "/" && name != "." {
		return name
	}
	return ""
}
