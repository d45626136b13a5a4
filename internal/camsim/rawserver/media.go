package rawserver

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/rtsp2whip/rtsp2whip/internal/camsim/reel"
)

// media is one m= section of a description.
type media struct {
	film  *reel.Film  // video
	track *reel.Track // audio; with neither it is a back channel or metadata

	back    bool
	number  int // in the description
	control Control
}

// description lists the medias of the stream at /stream1, in order.
func (c *Config) description() ([]*media, error) {
	f := c.Faults
	var out []*media
	if f.BackChannelFirst {
		out = append(out, &media{back: true})
	}
	if f.Metadata {
		out = append(out, &media{})
	}
	if f.SecondClip != "" {
		film, err := reel.LoadFilm(f.SecondClip, c.Shape)
		if err != nil {
			return nil, err
		}
		out = append(out, &media{film: film})
	}
	out = append(out, &media{film: c.Script.Film})
	if c.Script.Track != nil {
		out = append(out, &media{track: c.Script.Track})
	}
	mixed := []Control{ControlRoot, ControlQuery, ControlAbsolute}
	for i, m := range out {
		m.number, m.control = i, f.Control
		if f.Control == ControlMixed {
			m.control = mixed[i%len(mixed)]
		}
	}
	return out, nil
}

// attribute is the media's control attribute.
func (m *media) attribute(r *request) string {
	track := fmt.Sprintf("trackID=%d", m.number)
	switch m.control {
	case ControlAbsolute:
		scheme, _, _ := strings.Cut(r.url, "://")
		return scheme + "://" + r.host() + "/media/" + track + "?profile=1"
	case ControlSlash:
		return "/" + track
	case ControlRoot:
		return "/media/" + track
	case ControlQuery:
		return fmt.Sprintf("?track=%d", m.number)
	}
	return track
}

// at tells whether a SETUP's path and query mean this media of a stream.
func (m *media) at(stream, place string) bool {
	track := fmt.Sprintf("trackID=%d", m.number)
	switch m.control {
	case ControlAbsolute:
		return place == "/media/"+track+"?profile=1"
	case ControlSlash:
		return place == stream+"/"+track || place == stream+"//"+track
	case ControlRoot:
		return place == "/media/"+track
	case ControlQuery:
		return place == fmt.Sprintf("%s/?track=%d", stream, m.number)
	}
	return place == stream+"/"+track
}

// sdp describes the medias.
func (f *Faults) sdp(r *request, medias []*media) string {
	lines := []string{"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=Camera"}
	if f.DoubleName {
		lines = append(lines, "s=RTSP Session")
	}
	if f.BadConnection {
		lines = append(lines, "c=IN c=IN IP4 0.0.0.0")
	} else {
		lines = append(lines, "c=IN IP4 0.0.0.0")
	}
	lines = append(lines, "t=0 0", "a=control:*")
	if f.OddMedia {
		lines = append(lines, "m=application/VENDOR 0 RTP/AVP smart/1/90000", "a=rtpmap:95 VENDOR/90000", "a=control:trackID=95")
	}
	for _, m := range medias {
		lines = append(lines, f.section(m)...)
		switch {
		case m.back || f.AllSendOnly:
			lines = append(lines, "a=sendonly")
		default:
			lines = append(lines, "a=recvonly")
		}
		lines = append(lines, "a=control:"+m.attribute(r))
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// section is what a media's codec has to say.
func (f *Faults) section(m *media) []string {
	switch {
	case m.back:
		return []string{"m=audio 0 RTP/AVP 0", "a=rtpmap:0 PCMU/8000"}
	case m.track != nil:
		return audioSection(m.track)
	case m.film == nil:
		return []string{"m=application 0 RTP/AVP 107", "a=rtpmap:107 vnd.onvif.metadata/90000"}
	}
	pt := reel.VideoPayloadType
	name, fmtp := "H264", f.h264(m.film.Video.ParameterSets)
	if m.film.Video.Codec == "H265" {
		name, fmtp = "H265", f.h265(m.film.Video.ParameterSets)
	}
	out := []string{fmt.Sprintf("m=video 0 RTP/AVP %d", pt), fmt.Sprintf("a=rtpmap:%d %s/%d", pt, name, reel.VideoClock)}
	if fmtp != "" {
		out = append(out, fmt.Sprintf("a=fmtp:%d %s", pt, fmtp))
	}
	return out
}

func (f *Faults) h264(sets [][]byte) string {
	mode, profile := 1, strings.ToUpper(hex.EncodeToString(sets[0][1:4]))
	if f.ModeZero {
		mode = 0
	}
	if f.ProfileLevelID != "" {
		profile = f.ProfileLevelID
	}
	s := fmt.Sprintf("packetization-mode=%d; profile-level-id=%s", mode, profile)
	switch {
	case f.BadSprop:
		s += "; sprop-parameter-sets=Z00A!!KZpkA8,aM4=x"
	case !f.NoSprop:
		s += "; sprop-parameter-sets=" + base64s(sets[0]) + "," + base64s(sets[1])
	}
	return s
}

func (f *Faults) h265(sets [][]byte) string {
	if f.NoSprop {
		return ""
	}
	return fmt.Sprintf("sprop-vps=%s; sprop-sps=%s; sprop-pps=%s", base64s(sets[0]), base64s(sets[1]), base64s(sets[2]))
}

func base64s(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func audioSection(t *reel.Track) []string {
	pt, s := t.PayloadType, t.Sound
	var rtpmap, fmtp string
	switch s.Name {
	case "opus":
		rtpmap, fmtp = fmt.Sprintf("opus/%d/2", s.ClockRate), "sprop-stereo=1"
	case "aac":
		config, _ := s.Config.Marshal() // it was read from the clip
		rtpmap = fmt.Sprintf("MPEG4-GENERIC/%d/%d", s.ClockRate, s.Channels)
		fmtp = "streamtype=5; mode=AAC-hbr; config=" + hex.EncodeToString(config) + "; sizelength=13; indexlength=3; indexdeltalength=3"
	default:
		rtpmap = fmt.Sprintf("%s/%d", strings.ToUpper(s.Name), s.ClockRate)
	}
	out := []string{fmt.Sprintf("m=audio 0 RTP/AVP %d", pt), fmt.Sprintf("a=rtpmap:%d %s", pt, rtpmap)}
	if fmtp != "" {
		out = append(out, fmt.Sprintf("a=fmtp:%d %s", pt, fmtp))
	}
	return out
}
