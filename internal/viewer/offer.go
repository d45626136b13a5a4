package viewer

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pion/sdp/v3"
)

const (
	// maxOffer bounds the body of a POST. Browsers' offers have 6 to 12 kB.
	maxOffer = 128 << 10

	maxName = 128 // bytes
)

// offerKinds says which media an offer has.
type offerKinds struct{ video, audio bool }

// readPost returns the stream's name and the offer of a POST. The error is a
// *statusError.
func readPost(w http.ResponseWriter, r *http.Request) (name, offer string, err error) {
	name = r.PathValue("name")
	if err = checkName(name); err != nil {
		return "", "", fail(http.StatusBadRequest, "%v", err)
	}
	offer, err = readOffer(w, r)
	return name, offer, err
}

func readOffer(w http.ResponseWriter, r *http.Request) (string, error) {
	typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || typ != "application/sdp" {
		return "", fail(http.StatusUnsupportedMediaType, "Content-Type must be application/sdp")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return "", fail(http.StatusRequestEntityTooLarge, "the offer is longer than %d bytes", maxOffer)
		}
		return "", fail(http.StatusBadRequest, "the offer cannot be read")
	}
	return string(body), nil
}

// parseOffer returns the media of an offer: at most one video and one audio
// section (RFC 9725 section 4.4.2) and nothing else.
func parseOffer(offer string) (offerKinds, []*sdp.MediaDescription, error) {
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(offer); err != nil {
		return offerKinds{}, nil, fail(http.StatusBadRequest, "the offer is no SDP")
	}
	var kinds offerKinds
	for _, m := range desc.MediaDescriptions {
		seen := &kinds.audio
		switch m.MediaName.Media {
		case "audio":
		case "video":
			seen = &kinds.video
		default:
			return offerKinds{}, nil, fail(http.StatusNotAcceptable, "%q media is not taken here", clip(m.MediaName.Media))
		}
		if *seen {
			return offerKinds{}, nil, fail(http.StatusNotAcceptable, "the offer has two %s sections", m.MediaName.Media)
		}
		*seen = true
	}
	if !kinds.audio && !kinds.video {
		return offerKinds{}, nil, fail(http.StatusBadRequest, "the offer has neither video nor audio")
	}
	return kinds, desc.MediaDescriptions, nil
}

// checkPublishOffer takes offers that send.
func checkPublishOffer(offer string) error {
	_, media, err := parseOffer(offer)
	if err != nil {
		return err
	}
	for _, m := range media {
		for _, direction := range []string{"recvonly", "inactive"} {
			if _, found := m.Attribute(direction); found {
				return fail(http.StatusBadRequest, "the offer's %s section is %s: a publisher sends", m.MediaName.Media, direction)
			}
		}
	}
	return nil
}

// checkPlayOffer takes offers that receive.
func checkPlayOffer(offer string) (offerKinds, error) {
	kinds, media, err := parseOffer(offer)
	if err != nil {
		return offerKinds{}, err
	}
	for _, m := range media {
		for _, direction := range []string{"sendonly", "inactive"} {
			if _, found := m.Attribute(direction); found {
				return offerKinds{}, fail(http.StatusBadRequest, "the offer's %s section is %s: a player receives", m.MediaName.Media, direction)
			}
		}
	}
	return kinds, nil
}

// checkAnswer refuses sessions of which a part would be missing (RFC 9725
// section 4.4.3): a section without a common codec has port 0.
func checkAnswer(answer string) error {
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(answer); err != nil {
		return fail(http.StatusInternalServerError, "the answer is no SDP: %v", err)
	}
	for _, m := range desc.MediaDescriptions {
		if m.MediaName.Port.Value == 0 {
			return fail(http.StatusNotAcceptable,
				"no codec of the offer's %s section is taken here: H264, opus, PCMU and PCMA are", m.MediaName.Media)
		}
	}
	return nil
}

// moveCandidates repairs an answer whose first section is rejected: pion puts
// its candidates there, and no browser looks for them in a rejected section.
func moveCandidates(answer string) (string, error) {
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(answer); err != nil {
		return "", fail(http.StatusInternalServerError, "the answer is no SDP: %v", err)
	}
	if len(desc.MediaDescriptions) == 0 || desc.MediaDescriptions[0].MediaName.Port.Value != 0 {
		return answer, nil
	}
	var found []sdp.Attribute
	for _, m := range desc.MediaDescriptions {
		if m.MediaName.Port.Value != 0 {
			m.Attributes = append(m.Attributes, found...)
			break
		}
		found = append(found, m.Attributes...)
		m.Attributes = nil
	}
	out, err := desc.Marshal()
	if err != nil {
		return "", fail(http.StatusInternalServerError, "the answer cannot be written: %v", err)
	}
	return string(out), nil
}

// needsRealAddress tells Firefox by its SDP: it pairs none of its addresses
// with a loopback one, so it needs another address of this machine.
func needsRealAddress(offer string) bool {
	return strings.Contains(offer, "\no=mozilla")
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("viewer: a stream name is empty")
	case len(name) > maxName:
		return fmt.Errorf("viewer: a stream name is longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("viewer: a stream name has characters that cannot be printed")
	case strings.Contains(name, "/") || name == "." || name == "..":
		return fmt.Errorf("viewer: %q cannot be a stream name", name)
	}
	return nil
}

func pathEscape(name string) string { return url.PathEscape(name) }

// clip keeps a peer's words short enough to send back.
func clip(s string) string {
	if len(s) > 32 {
		return s[:32]
	}
	return s
}
