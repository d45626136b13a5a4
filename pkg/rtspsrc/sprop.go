package rtspsrc

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/sdp/v3"
)

// parameterSets finds the parameter sets of a video track and the size of its
// picture. Its own fmtp comes first; some cameras write it under another track.
func parameterSets(codec string, pt uint8, md *sdp.MediaDescription, everywhere []string) (sets [][]byte, pixels int) {
	if md != nil {
		for _, a := range md.Attributes {
			if a.Key != "fmtp" {
				continue
			}
			num, params, _ := strings.Cut(strings.TrimSpace(a.Value), " ")
			if num != strconv.Itoa(int(pt)) {
				continue
			}
			if sets, pixels = readSprop(codec, params); sets != nil {
				return sets, pixels
			}
		}
	}
	for _, line := range everywhere {
		_, params, _ := strings.Cut(strings.TrimPrefix(line, "a=fmtp:"), " ")
		if sets, pixels = readSprop(codec, params); sets != nil {
			return sets, pixels
		}
	}
	return nil, 0
}

// readSprop reads the parameter sets of an fmtp. They are a hint, so anything that
// does not parse counts as absent.
func readSprop(codec, params string) (sets [][]byte, pixels int) {
	if codec == H265 {
		return readSprop265(params), 0
	}
	return readSprop264(params)
}

// readSprop264 reads sprop-parameter-sets (RFC 6184 section 8.1).
func readSprop264(params string) (sets [][]byte, pixels int) {
	for param := range strings.SplitSeq(params, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(param), "=")
		if !ok || !strings.EqualFold(key, "sprop-parameter-sets") {
			continue
		}
		var sps, pps [][]byte
		for b64 := range strings.SplitSeq(strings.Trim(value, `" `), ",") {
			for _, nalu := range splitNALUs(decodeBase64(b64)) {
				switch nalu[0] & 0x1f {
				case 7:
					var s h264.SPS
					if s.Unmarshal(nalu) == nil {
						sps = append(sps, nalu)
						pixels = max(pixels, s.Width()*s.Height())
					}
				case 8:
					pps = append(pps, nalu)
				}
			}
		}
		if len(sps) > 0 {
			return append(sps, pps...), pixels
		}
	}
	return nil, 0
}

// readSprop265 reads sprop-vps, sprop-sps and sprop-pps (RFC 7798 section 7.1).
func readSprop265(params string) [][]byte {
	var sets [3][][]byte
	for param := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.HasPrefix(strings.ToLower(key), "sprop-") {
			continue
		}
		for b64 := range strings.SplitSeq(strings.Trim(value, `" `), ",") {
			for _, nalu := range splitNALUs(decodeBase64(b64)) {
				const vps, pps = 32, 34
				if t := nalu[0] >> 1 & 0x3f; t >= vps && t <= pps {
					sets[t-vps] = append(sets[t-vps], nalu)
				}
			}
		}
	}
	if len(sets[1]) == 0 {
		return nil
	}
	return slices.Concat(sets[0], sets[1], sets[2])
}

// decodeBase64 accepts padding or none; nil if it is not base64.
func decodeBase64(s string) []byte {
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// splitNALUs cuts at start codes, which some cameras leave in, and drops the
// zeros and the lone start code that some append.
func splitNALUs(b []byte) [][]byte {
	var out [][]byte
	for _, nalu := range bytes.Split(b, []byte{0, 0, 1}) {
		if nalu = bytes.TrimRight(nalu, "\x00"); len(nalu) > 1 {
			out = append(out, nalu)
		}
	}
	return out
}
