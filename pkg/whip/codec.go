package whip

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Kinds of tracks.
const (
	Video = "video"
	Audio = "audio"
)

// Codec names, as in the rtpmap attribute of SDP.
const (
	H264 = "H264"
	H265 = "H265"
	Opus = "opus"
	G722 = "G722"
	PCMA = "PCMA"
	PCMU = "PCMU"
)

// mainLevel31 is H.265's default profile, tier and level (RFC 7798 section 7.1).
const mainLevel31 = "01005d"

// constrainedBaseline is the profile that every WebRTC endpoint must take
// (RFC 7742 section 6.2). It is offered behind the stream's real profile, for
// servers and viewers that know no other.
const constrainedBaseline = "42e01f"

// Codec is one media format.
type Codec struct {
	// Name is H264, H265, opus, G722, PCMA or PCMU; case does not matter.
	Name string
	// ProfileLevelID of H264: the three bytes after the NAL unit header of the SPS,
	// in hex ("64001f"). Empty means 42e01f. RFC 7742 section 6.2 wants the
	// stream's own value, so do not take it from a camera's SDP. Of H265:
	// general_profile_idc, general_tier_flag and general_level_idc of the SPS, a
	// byte each; empty means 01005d.
	ProfileLevelID string
	// ClockRate in Hz and Channels are fixed by the codec; zero means that value.
	ClockRate int
	Channels  int
}

// Track is one stream to publish.
type Track struct {
	// Kind is "video" or "audio". A session has at most one of each
	// (RFC 9725 section 4.4.2).
	Kind string
	// Codecs in order of preference. The caller must be able to send each of
	// them; which one was taken is in Session.Codec.
	Codecs []Codec
}

// codecFacts are the values of a codec that are not the caller's to choose.
type codecFacts struct {
	kind        string
	name        string
	clockRate   int
	channels    int // as in rtpmap
	payloadType uint8
	fmtp        string
}

var knownCodecs = []codecFacts{
	{Video, H264, 90000, 0, 96, ""},
	{Video, H265, 90000, 0, 98, ""},
	// RFC 7587 section 7: always 48000/2, whatever the stream's channels.
	{Audio, Opus, 48000, 2, 111, "minptime=10;useinbandfec=1"},
	// RFC 3551 table 4: static payload types.
	// The clock rate of G.722 is a historical mistake (section 4.5.2); it samples at
	// 16 kHz.
	{Audio, G722, 8000, 1, 9, ""},
	{Audio, PCMA, 8000, 1, 8, ""},
	{Audio, PCMU, 8000, 1, 0, ""},
}

func factsOf(name string) (codecFacts, bool) {
	for _, f := range knownCodecs {
		if strings.EqualFold(f.name, name) {
			return f, true
		}
	}
	return codecFacts{}, false
}

// offeredCodec is a payload type of the offer.
type offeredCodec struct {
	Codec
	payloadType uint8
	fmtp        string
	channels    uint16
	extras      extras // set from the answer
	allowed     int    // by the answer, bits a second; 0 for no limit
}

// offeredTrack is a track with the payload types that the offer gives it.
type offeredTrack struct {
	kind   string
	codecs []offeredCodec
}

// planTracks checks the tracks and gives each codec its payload types.
func planTracks(tracks []Track) ([]offeredTrack, error) {
	if len(tracks) == 0 {
		return nil, errors.New("no tracks")
	}
	seen := map[string]bool{}
	plan := make([]offeredTrack, 0, len(tracks))
	for i, t := range tracks {
		if t.Kind != Video && t.Kind != Audio {
			return nil, fmt.Errorf("track %d: kind %q is neither video nor audio", i, t.Kind)
		}
		if seen[t.Kind] {
			return nil, fmt.Errorf("track %d: a WHIP session carries one %s track at most", i, t.Kind)
		}
		seen[t.Kind] = true
		if len(t.Codecs) == 0 {
			return nil, fmt.Errorf("track %d: no codecs", i)
		}
		ot := offeredTrack{kind: t.Kind}
		for _, c := range t.Codecs {
			codecs, err := planCodec(t.Kind, c)
			if err != nil {
				return nil, fmt.Errorf("track %d: %w", i, err)
			}
			ot.codecs = append(ot.codecs, codecs...)
		}
		plan = append(plan, ot)
	}
	return plan, nil
}

// planCodec returns the payload types of one codec: two for H.264 of any
// profile but constrained baseline, else one.
func planCodec(kind string, c Codec) ([]offeredCodec, error) {
	f, ok := factsOf(c.Name)
	if !ok || f.kind != kind {
		return nil, fmt.Errorf("codec %q is no %s codec of this package", c.Name, kind)
	}
	if c.ClockRate != 0 && c.ClockRate != f.clockRate {
		return nil, fmt.Errorf("codec %s: clock rate %d, must be %d", f.name, c.ClockRate, f.clockRate)
	}
	if c.Channels > 2 || (c.Channels == 2 && f.channels < 2) {
		return nil, fmt.Errorf("codec %s: %d channels", f.name, c.Channels)
	}
	base := offeredCodec{
		Codec:       Codec{Name: f.name, ClockRate: f.clockRate, Channels: f.channels},
		payloadType: f.payloadType,
		fmtp:        f.fmtp,
		channels:    uint16(f.channels), // 0 to 2
	}
	if f.kind == Audio && f.channels == 1 {
		base.channels = 0 // "PCMA/8000": one channel is not written (RFC 8866 section 6.6)
	}
	switch f.name {
	case H264:
		return planH264(base, c.ProfileLevelID)
	case H265:
		return planH265(base, c.ProfileLevelID)
	}
	return []offeredCodec{base}, nil
}

// planH265 names what the stream is and nothing else: RFC 7798 section 7.2.2 has
// the parameter sets and the limits of a receiver left out of a sendonly stream.
func planH265(base offeredCodec, profileLevelID string) ([]offeredCodec, error) {
	id := strings.ToLower(profileLevelID)
	if id == "" {
		id = mainLevel31
	}
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 3 || b[0] > 31 || b[1] > 1 {
		return nil, fmt.Errorf("codec H265: %q is not profile, tier and level in hex", profileLevelID)
	}
	base.ProfileLevelID = id
	base.fmtp = fmt.Sprintf("level-id=%d;profile-id=%d;tier-flag=%d;tx-mode=SRST", b[2], b[0], b[1])
	return []offeredCodec{base}, nil
}

func planH264(base offeredCodec, profileLevelID string) ([]offeredCodec, error) {
	id := strings.ToLower(profileLevelID)
	if id == "" {
		id = constrainedBaseline
	}
	if b, err := hex.DecodeString(id); err != nil || len(b) != 3 {
		return nil, fmt.Errorf("codec H264: profile-level-id %q is not three bytes in hex", profileLevelID)
	}
	with := func(id string, payloadType uint8) offeredCodec {
		c := base
		c.ProfileLevelID = id
		c.payloadType = payloadType
		// No sprop-parameter-sets: RFC 7742 section 6.2 forbids them, the
		// parameter sets travel in-band. level-asymmetry-allowed means nothing in
		// a sendonly stream, but peers match on it.
		c.fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + id
		return c
	}
	out := []offeredCodec{with(id, base.payloadType)}
	if id[:4] != constrainedBaseline[:4] {
		out = append(out, with(constrainedBaseline, base.payloadType+1))
	}
	return out, nil
}

// feedback is the RTCP feedback (RFC 4585, RFC 5104) that this package answers, as in
// a=rtcp-fb.
func feedback(kind string) []string {
	if kind == Audio {
		return []string{"nack", "transport-cc"}
	}
	return []string{"transport-cc", "nack", "nack pli", "ccm fir", "goog-remb"}
}
