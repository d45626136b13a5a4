package rtspsrc

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/sdp/v3"
)

// Kind is what a track carries.
type Kind string

// The kinds of a [Track]; an [IgnoredTrack] may be of any other as well.
const (
	Video Kind = "video"
	Audio Kind = "audio"
)

// The video codecs that a session may have; see Config.VideoCodec.
const (
	H264 = "H264"
	H265 = "H265"
)

// dotted returns a video codec's name as people write it.
func dotted(codec string) string {
	if codec == H265 {
		return "H.265"
	}
	return "H.264"
}

// Track is one RTP stream of the camera.
type Track struct {
	// ID tells the tracks of a session apart.
	ID int
	// Kind is Video or Audio.
	Kind Kind
	// Codec is the encoding name of the payload format's registration: H264, opus,
	// PCMA, PCMU, MPEG4-GENERIC, G726-32, ...
	Codec string
	// ClockRate of the RTP timestamps, in Hz.
	ClockRate int
	// Channels of audio, at least 1; 0 for video.
	Channels int
	// PayloadType of the packets.
	PayloadType uint8
	// ParameterSets are the SPS and PPS, for H.265 also the VPS, of the session
	// description, without start codes: nil if there are none or they cannot be read. Those in the stream are
	// to be preferred, cameras change their settings without changing these.
	ParameterSets [][]byte
}

// IgnoredTrack is a track that the camera offers and that is not used.
type IgnoredTrack struct {
	Kind   Kind
	Codec  string // "" if unknown
	Reason string // why, in a few words
}

// candidate is a track before the choice.
type candidate struct {
	Track
	title, control string
	pixels         int // 0 if unknown
}

// maxTracks is how many tracks of a description are looked at. Recorders have some
// dozens.
const maxTracks = 64

// choose picks the tracks of a description: video of the given codec. The error is an ErrNoVideo or ErrCodec.
func choose(desc *description.Session, facts sdpFacts, want, codec string) (tracks []Track, ignored []IgnoredTrack, err error) {
	var videos, audios []candidate
	for i, m := range desc.Medias[:min(len(desc.Medias), maxTracks)] {
		var md *sdp.MediaDescription
		if i < len(facts.medias) {
			md = facts.medias[i]
		}
		c, reason := readMedia(i, m, md, facts, codec)
		switch {
		case reason != "":
			ignored = append(ignored, IgnoredTrack{Kind: c.Kind, Codec: c.Codec, Reason: reason})
		case c.Kind == Video:
			videos = append(videos, c)
		default:
			audios = append(audios, c)
		}
	}
	ignored = append(ignored, facts.dropped[:min(len(facts.dropped), maxTracks)]...)
	if more := max(len(desc.Medias)-maxTracks, 0) + max(len(facts.dropped)-maxTracks, 0); more > 0 {
		ignored = append(ignored, IgnoredTrack{Reason: fmt.Sprintf("%d more tracks are too many", more)})
	}

	video, err := chooseVideo(videos, want, codec)
	if err != nil {
		return nil, ignored, err
	}
	tracks = append(tracks, video.Track)
	for _, v := range videos {
		if v.ID != video.ID {
			reason := "another video track was chosen"
			if v.Codec != codec {
				reason = "only " + dotted(codec) + " video is used"
			}
			ignored = append(ignored, IgnoredTrack{Kind: Video, Codec: v.Codec, Reason: reason})
		}
	}
	for _, a := range audios {
		tracks = append(tracks, a.Track)
	}
	return tracks, ignored, nil
}

// chooseVideo applies Config.VideoTrack, or else prefers the codec and large pictures.
func chooseVideo(videos []candidate, want, codec string) (candidate, error) {
	if len(videos) == 0 {
		return candidate{}, ErrNoVideo
	}
	var pool []candidate
	if n, err := strconv.Atoi(want); err == nil {
		if n >= 0 && n < len(videos) {
			pool = videos[n : n+1]
		}
	} else {
		for _, v := range videos {
			if containsFold(v.title, want) || containsFold(v.control, want) {
				pool = append(pool, v)
			}
		}
	}
	if len(pool) == 0 {
		return candidate{}, fmt.Errorf("%w that fits video_track %q", ErrNoVideo, want)
	}
	best := slices.MaxFunc(pool, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(rank(a, codec), rank(b, codec)), cmp.Compare(a.pixels, b.pixels))
	})
	if best.Codec != codec {
		return candidate{}, &codecError{codec: best.Codec, want: codec}
	}
	return best, nil
}

func rank(c candidate, codec string) int {
	if c.Codec == codec {
		return 1
	}
	return 0
}

func containsFold(s, sub string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(sub))
}

// codecError is a camera whose video is in the wrong codec.
type codecError struct{ codec, want string }

func (e *codecError) Error() string {
	return "the video is not " + dotted(e.want) + " but " + e.codec
}

func (e *codecError) Unwrap() error { return ErrCodec }

// readMedia describes one media; a reason says why it cannot be used.
func readMedia(id int, m *description.Media, md *sdp.MediaDescription, facts sdpFacts, codec string) (c candidate, reason string) {
	c.ID = id
	c.Kind = Kind(m.Type)
	c.control = m.Control
	if md != nil && md.MediaTitle != nil {
		c.title = string(*md.MediaTitle)
	}
	f := m.Formats[0]
	for _, other := range m.Formats {
		if name, _, _ := encoding(other, md); name == codec {
			f = other
			break
		}
	}
	c.PayloadType = f.PayloadType()
	c.Codec, c.ClockRate, c.Channels = encoding(f, md)
	if m.IsBackChannel {
		return c, "it is a back channel, for sound to the camera"
	}
	if c.Codec == H264 || c.Codec == H265 {
		c.Kind, c.ClockRate = Video, 90000
		c.ParameterSets, c.pixels = parameterSets(c.Codec, c.PayloadType, md, facts.fmtp)
	}
	switch {
	case c.Kind == Video:
		c.Channels = 0
	case c.Kind != Audio:
		return c, "it is neither video nor audio"
	case c.Codec == "":
		return c, "its codec is unknown"
	case c.ClockRate == 0:
		return c, "its clock rate is unknown"
	default:
		c.Channels = max(c.Channels, 1)
	}
	return c, ""
}

// staticTypes are the payload types of RFC 3551 that cameras use without rtpmap.
var staticTypes = map[uint8]struct {
	name            string
	clock, channels int
}{
	0: {"PCMU", 8000, 1}, 3: {"GSM", 8000, 1}, 4: {"G723", 8000, 1}, 8: {"PCMA", 8000, 1},
	9: {"G722", 8000, 1}, 10: {"L16", 44100, 2}, 11: {"L16", 44100, 1}, 14: {"MPA", 90000, 1},
	18: {"G729", 8000, 1}, 26: {"JPEG", 90000, 0}, 32: {"MPV", 90000, 0}, 33: {"MP2T", 90000, 0},
}

// encoding returns a format's name, clock rate and channels. The rtpmap wins over
// the static payload type: cameras that contradict themselves mean the former.
func encoding(f format.Format, md *sdp.MediaDescription) (name string, clock, channels int) {
	pt := f.PayloadType()
	if md != nil {
		for _, a := range md.Attributes {
			num, rest, ok := strings.Cut(strings.TrimSpace(a.Value), " ")
			if a.Key != "rtpmap" || !ok || num != strconv.Itoa(int(pt)) {
				continue
			}
			part := strings.Split(strings.TrimSpace(rest), "/")
			if len(part) > 1 {
				clock, _ = strconv.Atoi(strings.TrimSpace(part[1]))
			}
			if len(part) > 2 {
				channels, _ = strconv.Atoi(strings.TrimSpace(part[2]))
			}
			return encodingName(part[0]), max(clock, 0), min(max(channels, 0), 255)
		}
	}
	if s, ok := staticTypes[pt]; ok {
		return s.name, s.clock, s.channels
	}
	return "", f.ClockRate(), 0
}

func encodingName(s string) string {
	switch s = strings.ToUpper(strings.TrimSpace(s)); s {
	case "OPUS":
		return "opus"
	case "HEVC":
		return "H265"
	case "MJPEG":
		return "JPEG"
	}
	return s
}

// ignoredSection describes a section that could not be parsed.
func ignoredSection(section []string, reason string) IgnoredTrack {
	t := IgnoredTrack{Reason: reason}
	if f := strings.Fields(section[0][2:]); len(f) > 0 {
		t.Kind = Kind(printable(strings.ToLower(f[0])))
	}
	for _, line := range section {
		if v, ok := strings.CutPrefix(line, "a=rtpmap:"); ok {
			_, name, _ := strings.Cut(v, " ")
			name, _, _ = strings.Cut(name, "/")
			t.Codec = encodingName(printable(name))
			break
		}
	}
	return t
}
