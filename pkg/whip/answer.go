package whip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// checkAnswer looks for what would make a session useless although the exchange
// went well. LiveKit's server, for one, answers 201 to a track that it rejects.
// The codecs that the answer chose are returned in the order of the tracks.
func checkAnswer(answer string, tracks []offeredTrack) ([]offeredCodec, error) {
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(answer); err != nil {
		return nil, answerError("the answer is not SDP", err)
	}
	if n := len(desc.MediaDescriptions); n != len(tracks) {
		return nil, answerError(fmt.Sprintf("the answer has %d media sections for %d tracks", n, len(tracks)), nil)
	}
	chosen := make([]offeredCodec, len(tracks))
	for i, m := range desc.MediaDescriptions {
		c, err := checkMedia(&desc, m, tracks[i])
		if err != nil {
			return nil, err
		}
		chosen[i] = c
	}
	return chosen, nil
}

func checkMedia(desc *sdp.SessionDescription, m *sdp.MediaDescription, track offeredTrack) (offeredCodec, error) {
	none := offeredCodec{}
	if !strings.EqualFold(m.MediaName.Media, track.kind) {
		return none, answerError(fmt.Sprintf("the answer has %q where the offer has the %s track",
			oneLine(m.MediaName.Media), track.kind), nil)
	}
	if m.MediaName.Port.Value == 0 {
		e := answerError(fmt.Sprintf("the server rejected the %s track (%s)", track.kind, track.names()), nil)
		e.hint = fmt.Sprintf("check which %s codecs the server accepts, and that the token may publish %s", track.kind, track.kind)
		return none, e
	}
	for _, direction := range []string{"sendonly", "inactive"} {
		_, inMedia := m.Attribute(direction)
		_, inSession := desc.Attribute(direction)
		if inMedia || inSession {
			return none, answerError(fmt.Sprintf("the server does not want to receive the %s track (%s)", track.kind, direction), nil)
		}
	}
	if _, ok := m.Attribute("rtcp-mux"); !ok {
		// RFC 8858 section 4.4: such a section cannot be used.
		return none, answerError(fmt.Sprintf("the answer has no rtcp-mux for the %s track", track.kind), nil)
	}
	c, ok := chooseCodec(m, track)
	if !ok {
		e := answerError(fmt.Sprintf("the answer takes none of the codecs offered for the %s track (%s)", track.kind, track.names()), nil)
		e.hint = fmt.Sprintf("check which %s codecs the server accepts", track.kind)
		return none, e
	}
	c.extras, c.allowed = extrasOf(m, c), allowed(desc, m)
	return c, nil
}

// chooseCodec takes the first format of the answer that the offer has too: the
// answer's order is the server's preference (RFC 3264 section 6.1). The payload
// type is the answer's; it should be the offer's, but need not.
func chooseCodec(m *sdp.MediaDescription, track offeredTrack) (offeredCodec, bool) {
	for _, format := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			continue
		}
		name, fmtp := formatOf(m, format)
		var match *offeredCodec
		for i, c := range track.codecs {
			sameName := strings.EqualFold(name, c.Name) || (name == "" && pt < 96)
			if sameName && uint64(c.payloadType) == pt {
				match = &track.codecs[i]
				break
			}
			if match == nil && strings.EqualFold(name, c.Name) {
				match = &track.codecs[i]
			}
		}
		if match == nil {
			continue
		}
		c := *match
		c.payloadType = uint8(pt)
		if id := fmtpValue(fmtp, "profile-level-id"); c.Name == H264 && len(id) == 6 && isHex(id) {
			c.ProfileLevelID = strings.ToLower(id)
		}
		return c, true
	}
	return offeredCodec{}, false
}

// formatOf returns the encoding name and the parameters of a format.
func formatOf(m *sdp.MediaDescription, format string) (name, fmtp string) {
	for _, a := range m.Attributes {
		f, value, ok := strings.Cut(a.Value, " ")
		if !ok || f != format {
			continue
		}
		switch a.Key {
		case "rtpmap":
			name, _, _ = strings.Cut(strings.TrimSpace(value), "/")
		case "fmtp":
			fmtp = value
		}
	}
	return name, fmtp
}

func fmtpValue(fmtp, key string) string {
	for p := range strings.SplitSeq(fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(k), key) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func (t offeredTrack) names() string {
	var names []string
	for _, c := range t.codecs {
		name := c.Name
		if c.ProfileLevelID != "" {
			name += " " + c.ProfileLevelID
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func answerError(text string, err error) *Error {
	if err != nil {
		err = fmt.Errorf("%s: %w", text, err)
	} else {
		err = errors.New(text)
	}
	return &Error{Op: "answer", Err: err, slow: true}
}
